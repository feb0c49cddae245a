// A `point_clouds` file: `points` [N, P, D], or ragged: `points` [sum P, D] and `offsets` [N + 1],
// cloud i being the rows offsets[i] to offsets[i + 1].
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "framework/base/batch.h"
#include "framework/checkpoint/hdf5_file.h"

namespace ornstein::point_clouds {

class CloudFile {
 public:
  // Throws DataError naming the file: neither form, offsets that do not rise from 0 to the number
  // of points, a cloud without points.
  explicit CloudFile(const std::string& path);

  const std::string& path() const { return file_.path(); }
  const Hdf5File& file() const { return file_; }
  int64_t clouds() const { return std::ssize(offsets_) - 1; }
  int64_t dimensions() const { return dimensions_; }
  int64_t points_of(int64_t cloud) const { return offsets_[cloud + 1] - offsets_[cloud]; }
  at::Tensor read(int64_t cloud) const;  // [P, D] float32

  // Reads all clouds in order, in blocks, and checks that their numbers are finite (DataError
  // naming the cloud). `take` gets each, [P, D] float32.
  void scan(const std::function<void(int64_t cloud, const at::Tensor& points)>& take) const;

 private:
  Hdf5File file_;
  bool ragged_ = false;
  std::vector<int64_t> offsets_;  // [N + 1]
  int64_t dimensions_ = 0;
};

// Writes samples, x [b, P, D]: ragged where the batch has a mask that leaves out a point.
void write_clouds(const Batch& samples, Hdf5File& file);

}  // namespace ornstein::point_clouds
