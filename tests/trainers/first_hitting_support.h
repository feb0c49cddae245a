// What the tests of first_hitting share: domains fed with drifts that are known.
#pragma once

#include <gtest/gtest.h>

#include "framework/base/random.h"
#include "framework/spaces/sphere.h"
#include "tests/trainers/trainer_calls.h"
#include "trainers/first_hitting/walk.h"

namespace ornstein::first_hitting {

inline at::Tensor uniform_directions(int64_t rows, int64_t d, at::Generator& generator) {
  return Sphere{d - 1}.reference_sample(rows, generator, at::TensorOptions(at::kDouble));
}

// The mean of independent values [n] is `expected` within five standard errors and `bias`.
inline void expect_mean(const at::Tensor& values, double expected, double bias = 0) {
  EXPECT_NEAR(mean_of(values), expected, 5 * error_of(values) + bias);
}

// Quantiles (i + 1/2)/n in an order of chance, so that rows are independent of their number.
inline at::Tensor quantiles(int64_t n, at::Generator& generator) {
  return at::rand({n}, generator, at::kDouble);
}

// What stands for s = 0.
inline at::Tensor no_output(const at::Tensor& z) { return at::zeros_like(z); }

inline at::Tensor repeated_row(std::vector<double> row, int64_t rows) {
  return at::tensor(row, at::kDouble).unsqueeze(0).repeat({rows, 1});
}

// Of antithetic states [k b] the mean of each row's, [b].
inline at::Tensor of_rows(const at::Tensor& values, int64_t rows) {
  return values.view({-1, rows}).mean(0);
}

}  // namespace ornstein::first_hitting
