// One data file of functions (design, section 3), checked on opening.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/functions/stored_grid.h"
#include "framework/checkpoint/hdf5_file.h"

namespace ornstein::functions {

struct FunctionFile {
  Hdf5File file;
  int64_t rows = 0;
  std::vector<int64_t> shape;  // of one row: [C, n] or [C, n, m]
  StoredGrid grid;
  std::vector<double> period;  // one an axis, 0: not periodic; empty: no axis is
  at::Tensor condition;        // [rows, K] float32, or undefined
  at::Tensor split;            // [rows] uint8, or undefined
  at::Tensor log_density;      // [rows] float64, nats, or undefined

  const std::string& path() const { return file.path(); }

  // Rows [b, C, n(, m)] float32, as `grid` has them.
  at::Tensor read(int64_t first, int64_t count) const;
  at::Tensor read(const at::Tensor& sorted_rows) const;  // [b] int64, strictly rising
};

// Checks all but the values, which nobody has read yet. DataError naming the file.
FunctionFile open_function_file(const std::string& path);

// [rows, K] float32, or undefined. DataError naming the file.
at::Tensor read_condition(const Hdf5File& file, int64_t rows);

// DataError naming the row when one of `x` [b, ...], rows first, first + 1, ... of the data set
// `name`, has a number that is not finite.
void require_finite(const std::string& path, const std::string& name, const at::Tensor& x,
                    int64_t first);

// Rows read at a time: at most 8 MB as float64.
int64_t block_rows(const std::vector<int64_t>& shape);

}  // namespace ornstein::functions
