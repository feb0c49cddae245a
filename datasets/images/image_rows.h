// Writes the data set `images` of a data file row by row, so that memory stays small.
#pragma once

#include <ATen/core/Tensor.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "framework/checkpoint/hdf5_file.h"

namespace ornstein::images {

class ImageRows {
 public:
  // shape: [C, H, W] of one image.
  ImageRows(Hdf5File& file, int64_t rows, const std::vector<int64_t>& shape);

  // The next images, uint8 [n, C, H, W]. Tells about progress now and then.
  void append(const at::Tensor& images);

 private:
  Hdf5File& file_;
  const int64_t rows_;
  int64_t written_ = 0;
  std::chrono::steady_clock::time_point told_ = std::chrono::steady_clock::now();
};

// How many rows of this size make a buffer of a few megabytes; at least one.
int64_t rows_at_a_time(int64_t bytes_of_a_row);

}  // namespace ornstein::images
