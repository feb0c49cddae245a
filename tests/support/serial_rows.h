// ParallelRows (framework/training/trainer.h) of a single process, as tests need it.
#pragma once

#include "framework/base/random.h"
#include "framework/training/trainer.h"

namespace ornstein {

inline ParallelRows serial_rows(uint64_t seed = 0, int64_t block_rows = 256) {
  const auto calls = std::make_shared<uint64_t>(0);
  const auto blocks = [=](int64_t total, const RowFunction& function) {
    std::vector<at::Tensor> results;
    for (int64_t first = 0; first < total; first += block_rows) {
      at::Generator generator = make_generator(
          random_key(Stream::kRows, {seed, *calls, static_cast<uint64_t>(first / block_rows)}));
      results.push_back(function(first, std::min(block_rows, total - first), generator));
    }
    ++*calls;
    return results;
  };
  return {[=](int64_t total, const RowFunction& f) { return at::cat(blocks(total, f)); },
          [=](int64_t total, const RowFunction& f) {
            return at::stack(blocks(total, f)).to(at::kDouble).sum(0);
          }};
}

}  // namespace ornstein
