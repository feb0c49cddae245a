// Functions on grids: one row, C channels at the points of a grid of one or two dimensions.
//
// Files may have different grids, and then each row comes padded, with coordinates of its own and a
// mask; framework/data/grids.h takes such batches apart.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "framework/data/dataset.h"

namespace ornstein::functions {

// Files beyond this size (as float32) are read row by row instead of being held in memory.
inline constexpr int64_t kHeldInMemory = int64_t{1} << 30;  // bytes

// Opens `functions` files, concatenated in the order given; all must agree in C, dimensions, K,
// period and in which of `condition`, `split` and `log_density` they hold. Every row is read once
// and checked. Batch.x is [b, C, n(, m)] float32, coordinates [n, 1] or [n, m, 2]; where grids
// differ, n and m are the most points of any along an axis, x has zeros beyond a row's grid,
// coordinates are [b, n, 1] or [b, n, m, 2], and mask [b, n(, m)] is true where there is a point.
// Throws DataError naming file and row.
DataSource open_files(const std::vector<std::string>& files,
                      int64_t held_in_memory = kHeldInMemory);

// Functions of one grid held in memory: what a twin is made of.
struct HeldFunctions {
  at::Tensor values;           // [N, C, n] or [N, C, n, m] float32
  at::Tensor coordinates;      // [n, 1] or [n, m, 2] float32, rising along each axis
  std::vector<double> period;  // one an axis, 0: not periodic; empty: no axis is
  at::Tensor split;            // [N] uint8
  at::Tensor log_density;      // [N] float64, nats, or undefined
};
DataSource hold(const HeldFunctions& functions);

}  // namespace ornstein::functions
