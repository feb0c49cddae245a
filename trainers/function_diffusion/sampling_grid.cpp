#include "trainers/function_diffusion/sampling_grid.h"

#include "framework/data/grids.h"

namespace ornstein::function_diffusion {
namespace {

// Points of each row along each axis, [rows, axes].
at::Tensor lengths(const Batch& batch) {
  if (batch.mask.dim() == 2) return batch.mask.sum(1, /*keepdim=*/true);
  return at::stack({batch.mask.select(2, 0).sum(1), batch.mask.select(1, 0).sum(1)}, 1);
}

}  // namespace

at::Tensor finest_grid(const Dataset& train, const ParallelRows& rows) {
  const DataSpec spec = train.spec();
  const size_t dimensions = spec.shape.size() - 1;
  const Batch first = train.rows(at::zeros({1}, at::kLong));
  if (first.coordinates.dim() == static_cast<int64_t>(dimensions) + 1) return first.coordinates;
  const at::Tensor own = rows.collect(spec.rows, [&](int64_t begin, int64_t count, at::Generator&) {
    return lengths(rows_of(train, begin, count));
  });
  const at::Tensor longest = own.argmax(0).cpu();  // [axes]
  std::vector<at::Tensor> axes;
  for (size_t axis = 0; axis < dimensions; ++axis) {
    const Batch row = train.rows(longest.narrow(0, static_cast<int64_t>(axis), 1));
    const auto grid = Grid::of(split_by_grid(row).front().coordinates, spec.period);
    TORCH_CHECK(grid, "a data set's grid is no product of axes");
    const at::Tensor& points = grid->axes[axis].points;
    axes.push_back(points.size(0) == spec.shape[axis + 1]
                       ? points
                       : regular_points(spec, axis, spec.shape[axis + 1]));
  }
  return coordinates_of(axes).to(at::kFloat);
}

at::Tensor refined(const Grid& grid) {
  std::vector<at::Tensor> axes;
  for (const Axis& axis : grid.axes) {
    const at::Tensor& x = axis.points;
    at::Tensor next = x.slice(0, 1);
    if (axis.period > 0) {
      const double turn = x.size(0) < 2 || (x[1] > x[0]).item<bool>() ? axis.period : -axis.period;
      next = at::cat({next, x.slice(0, 0, 1) + turn});
    }
    const at::Tensor between = (x.narrow(0, 0, next.size(0)) + next) / 2;
    const at::Tensor both = at::stack({x.narrow(0, 0, next.size(0)), between}, 1).flatten();
    axes.push_back(axis.period > 0 ? both : at::cat({both, x.slice(0, -1)}));
  }
  return coordinates_of(axes).to(at::kFloat);
}

at::Tensor every_second(const at::Tensor& f) {
  at::Tensor result = f;
  for (int64_t axis = 2; axis < f.dim(); ++axis) result = result.slice(axis, 0, std::nullopt, 2);
  return result;
}

}  // namespace ornstein::function_diffusion
