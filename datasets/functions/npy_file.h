// Arrays as numpy.save writes them (NEP 1, versions 1 to 3).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ornstein::functions {

struct NpyFile {
  std::string path;
  at::ScalarType type = at::kFloat;  // float32 or float64, little-endian
  std::vector<int64_t> shape;        // in C order
  int64_t offset = 0;                // of the first number, in bytes

  at::Tensor read_rows(int64_t first, int64_t rows) const;  // along axis 0
};

bool is_npy_file(const std::string& path);

// DataError naming the file: not an array, of another type or order, or shorter than it says.
NpyFile open_npy(const std::string& path);

}  // namespace ornstein::functions
