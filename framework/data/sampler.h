// Which rows a shard holds: a function of (seed, step, shard) alone, so that a run has no sampler
// state and any number of ranks reads the same rows. The row of global position p = step *
// global_batch + i is permutation(seed, p div N)[p mod N]: batches straddle epochs.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "framework/data/dataset.h"

namespace ornstein {

struct ShardPlan {
  uint64_t seed = 0;
  int64_t global_batch = 0;  // rows of one step
  int64_t micro_batch = 0;   // rows of one virtual shard; divides global_batch
  int64_t rows = 0;          // N, of the training set

  int64_t shards() const { return global_batch / micro_batch; }
  at::Tensor rows_of(int64_t step, int64_t shard) const;  // [micro_batch] int64, in 0..N-1
};

// Shards first..end-1 of `shards` belong to `rank` of `ranks`: contiguous, sizes differ by at most
// one.
struct ShardRange {
  int64_t first = 0, end = 0;
};
ShardRange shards_of_rank(int64_t shards, int rank, int ranks);

// Train, validation and test rows of a source; empty splits are null. Without a stored split a row
// is held out when a hash of its number falls below `validation_fraction`.
struct Splits {
  std::shared_ptr<const Dataset> train, validation, test;
  at::Tensor train_rows, validation_rows, test_rows;  // row numbers in the source, int64
};
Splits split_rows(const DataSource& source, double validation_fraction);

}  // namespace ornstein
