// Where the rows of a `points` file may lie.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ornstein::points {

// euclidean  any finite numbers
// sphere     unit vectors, D >= 2
// torus      angles in radians; anything beyond one turn is taken for degrees and refused
// binary     0 or 1
// simplex    non-negative numbers of sum one
std::vector<std::string> known_spaces();

// The first row of `x` [b, D] float32 that is not finite or not on `space` (to 1e-4), or -1.
int64_t first_row_off(const std::string& space, const at::Tensor& x);

// What a row of `space` must be, for messages.
std::string description(const std::string& space);

}  // namespace ornstein::points
