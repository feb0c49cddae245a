// Random access to rows. Trainers see the training rows only.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "framework/base/batch.h"

namespace ornstein {

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual DataSpec spec() const = 0;
  // `indices` [b] int64 in 0..spec().rows-1, any order, repeats allowed. Called from the loader's
  // thread too: must be safe beside calls from another thread. Rows come float32 (labels
  // int64), on the CPU unless the data set says otherwise.
  virtual Batch rows(const at::Tensor& indices) const = 0;
};

// What a kind of data makes of a source ("path" or "synthetic:NAME"): all rows, and the split of
// each.
struct DataSource {
  std::shared_ptr<const Dataset> all;
  at::Tensor split;        // [N] uint8: 0 train, 1 validation, 2 test; undefined: to be drawn by
                           // validation_fraction
  at::Tensor log_density;  // [N] float64, nats: the known truth of synthetic twins; else undefined
  std::string content_hash;  // of everything a row is made of: same hash, same data (a file may
                             // move)
};

// Rows first..first+rows-1.
Batch rows_of(const Dataset& data, int64_t first, int64_t rows);

// A view of chosen rows of another data set.
std::shared_ptr<const Dataset> subset(std::shared_ptr<const Dataset> all, at::Tensor indices);

// Its rows, moved to `device`; the same data set for the CPU, or where there is none.
std::shared_ptr<const Dataset> on_device(std::shared_ptr<const Dataset> data,
                                         const at::Device& device);

std::string to_json(const DataSpec& spec);
DataSpec data_spec_from_json(const std::string& text);

}  // namespace ornstein
