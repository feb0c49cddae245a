// What the tests of several trainers call alike.
#pragma once

#include <gtest/gtest.h>

#include "framework/base/random.h"
#include "framework/training/trainer.h"
#include "tests/support/memory_dataset.h"

namespace ornstein {

// [rows, 1, size, size] of independent levels 0..255, scaled to [-1, 1].
inline MemoryDataset grey_images(int64_t rows, int64_t size) {
  auto generator = make_generator(4);
  const at::Tensor levels = at::randint(256, {rows, 1, size, size}, generator, at::kFloat);
  return {"images", levels / 127.5 - 1};
}

// The loss of rows x as shard `shard` of step 0, seed 7.
inline Loss shard_loss(Trainer& trainer, const at::Tensor& x, int64_t shard, int64_t shards,
                       const Dataset& train) {
  return trainer.loss(
      {x}, {0, shard, shards, make_generator(random_key(Stream::kShard, {7, 0, uint64_t(shard)})),
            train});
}

inline double mean_of(const at::Tensor& values) { return values.mean().item<double>(); }
inline double error_of(const at::Tensor& values) {  // standard, of the mean
  return values.std().item<double>() / std::sqrt(static_cast<double>(values.numel()));
}

inline Figure figure(const std::vector<Figure>& figures, const std::string& name) {
  for (const Figure& f : figures)
    if (f.name == name) return f;
  ADD_FAILURE() << "no figure " << name;
  return {};
}

}  // namespace ornstein
