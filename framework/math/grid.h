// Where functions are sampled: the axes of a grid and the trapezoid rule on it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace ornstein {

struct Axis {
  at::Tensor points;  // [n] float64, strictly rising or falling
  double period = 0;  // 0: not periodic. Else the points span less than it

  // Distances to the next point, positive: [n-1]; on a periodic axis [n], the last one round to the
  // first.
  at::Tensor gaps() const;

  // [n]: half the gaps on either side, the trapezoid rule. Exact for piecewise linear functions,
  // on a regular periodic axis for all harmonics below n. One point alone weighs 1.
  at::Tensor weights() const;

  // The distance of neighbours if it is one and the same as far as float32 coordinates tell.
  std::optional<double> spacing() const;

  // The points have one spacing, and on a periodic axis go round once.
  bool regular() const;
};

struct Grid {
  std::vector<Axis> axes;

  // The grid of coordinates [n, 1] or [n, m, 2] of any floating type; none if they are not the
  // product of strictly monotone axes. `period` has an entry an axis, or none.
  static std::optional<Grid> of(const at::Tensor& coordinates, const std::vector<double>& period);

  at::Tensor weights() const;  // [n] or [n, m] float64: the product rule
};

}  // namespace ornstein
