#include "framework/math/function_norm.h"

namespace ornstein {
namespace {

void check_shape(const at::Tensor& e, const Grid& grid) {
  bool fits = e.dim() == static_cast<int64_t>(grid.axes.size()) + 2;
  for (size_t axis = 0; fits && axis < grid.axes.size(); ++axis)
    fits = e.size(static_cast<int64_t>(axis) + 2) == grid.axes[axis].points.size(0);
  TORCH_CHECK(fits, "functions ", e.sizes(), " are not [B, C, n(, m)] on this grid");
}

// values [n] along the axis 2 + `axis` of functions of this many axes.
at::Tensor along(const at::Tensor& values, size_t axis, size_t axes, const at::Tensor& e) {
  const at::Tensor typed = values.to(e.options());
  return axis + 1 < axes ? typed.unsqueeze(1) : typed;
}

// The integral of (de/dx)^2 along one axis.
at::Tensor energy_along(const at::Tensor& e, const Grid& grid, size_t axis) {
  const auto dim = static_cast<int64_t>(axis) + 2;
  const Axis& line = grid.axes[axis];
  const at::Tensor difference = line.period > 0 ? e.roll(-1, dim) - e : e.diff(1, dim);
  const size_t axes = grid.axes.size();
  at::Tensor energy = difference.square() / along(line.gaps(), axis, axes, e);
  if (axes == 2) energy = energy * along(grid.axes[1 - axis].weights(), 1 - axis, axes, e);
  return energy.flatten(1).sum(1);
}

}  // namespace

at::Tensor squared_l2(const at::Tensor& e, const Grid& grid) {
  check_shape(e, grid);
  return (e.square() * grid.weights().to(e.options())).flatten(1).sum(1);
}

at::Tensor squared_sobolev(const at::Tensor& e, const Grid& grid, double length) {
  at::Tensor norm = squared_l2(e, grid);
  for (size_t axis = 0; axis < grid.axes.size(); ++axis)
    norm = norm + energy_along(e, grid, axis) * (length * length);
  return norm;
}

}  // namespace ornstein
