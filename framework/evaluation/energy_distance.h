// Whether two sets of rows have one law: the energy distance
//   2 E|x - y| - E|x - x'| - E|y - y'|,
// zero for equal laws and positive else (Szekely and Rizzo 2013, J. Stat. Plan. Inference 143, sec.
// 2), in its unbiased form, which may be negative; and the permutation test on it (two_sample.h).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "framework/evaluation/two_sample.h"

namespace ornstein {

// x [n, ...], y [m, ...], n and m >= 2, rows of one size; |.| the Euclidean norm of a row (for
// functions give values times the root of the quadrature's weights). Divisions are drawn by `seed`:
// the same at every call. Memory (n + m)^2. The distance is in the rows' unit.
double energy_distance(const at::Tensor& x, const at::Tensor& y);
TwoSampleTest energy_test(const at::Tensor& x, const at::Tensor& y, int64_t permutations = 9999,
                          uint64_t seed = 0);

}  // namespace ornstein
