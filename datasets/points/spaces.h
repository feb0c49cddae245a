// Where the rows of a `points` file may lie, and how far from it a row is: framework/spaces, asked
// about a file as it is, before anything is projected.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>

namespace ornstein::points {

// The names are those with geometry (framework/spaces/space.h, products too), `binary` (0 or 1),
// and `simplex` (non-negative numbers of sum one). What is wrong with `space` for rows of
// `dimensions` numbers, or empty: an unknown name, or a dimension it cannot have.
std::string space_problem(const std::string& space, int64_t dimensions);

struct OffSpace {
  int64_t row;
  double by;  // the space's defect; of the simplex max(-x_i, |sum - 1|); NaN: it is not finite
};

// The first row of `x` [b, D] that is further off `space` than 1e-4 (single precision and a few
// operations), or is not finite.
std::optional<OffSpace> first_row_off(const std::string& space, const at::Tensor& x);

// "is off its space by 0.3", or what else is wrong with that row.
std::string problem_of(const OffSpace& off);

// [b] bool: the rows that are on the space in the same sense.
at::Tensor on_space(const std::string& space, const at::Tensor& x);

// What a row of `space` must be, for messages.
std::string description(const std::string& space);

// The same points as trainers get them: angles of a torus in (-pi, pi], all else as it is.
at::Tensor canonical(const std::string& space, const at::Tensor& x);

}  // namespace ornstein::points
