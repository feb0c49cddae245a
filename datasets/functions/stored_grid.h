// The coordinates of a data file, checked.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ornstein::functions {

struct StoredGrid {
  at::Tensor coordinates;        // [n, 1] or [n, m, 2] float32, rising along each axis
  std::vector<int64_t> falling;  // axes (0, 1) along which they fall in the file

  // values [b, C, n(, m)] as the file has them -> as `coordinates` has them.
  at::Tensor turned(const at::Tensor& values) const;

  // Of axis 0 or 1: [n] float32, rising.
  at::Tensor axis(int64_t index) const;
};

// `stored` [n, 1] or [n, m, 2], any floating type: finite, along each axis strictly rising or
// falling (in single precision too), in two dimensions the product of two axes: [i, j, 0] is a
// function of i, [i, j, 1] of j. `period`: an entry an axis (0: not periodic), or none; the points
// of a periodic axis span less than it; an axis has `least` points or more. DataError naming `path`
// otherwise.
StoredGrid checked_grid(const std::string& path, const at::Tensor& stored,
                        const std::vector<double>& period, int64_t least = 2);

}  // namespace ornstein::functions
