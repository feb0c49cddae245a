#include "datasets/functions/stored_grid.h"

#include "framework/base/errors.h"

namespace ornstein::functions {
namespace {

// The points of `axis` [n] float64, of which the first place where they stand still or turn back is
// an error.
void check_monotone(const std::string& path, const at::Tensor& points, int64_t axis) {
  const at::Tensor steps = points.to(at::kFloat).diff();
  const at::Tensor direction = steps.sign();
  const at::Tensor wrong = at::nonzero((direction != direction[0]).logical_or(direction == 0));
  if (wrong.numel() == 0) return;
  const auto point = wrong[0].item<int64_t>();
  const auto from = points[point].item<double>(), to = points[point + 1].item<double>();
  std::string why = "not all one way) sort the points";
  if (from == to)
    why = "the point is there twice) drop one";
  else if (steps[point].item<float>() == 0)
    why = "one number in single precision) subtract an offset, or take a coarser unit";
  throw DataError(fmt::format("{}: coordinates of axis {} go from {} to {} at point {} ({}", path,
                              axis, from, to, point + 1, why));
}

void check_period(const std::string& path, const at::Tensor& points, double period, int64_t axis) {
  const double span = (points[-1] - points[0]).abs().item<double>();
  if (!std::isfinite(period) || period < 0)
    throw DataError(fmt::format("{}: the period of axis {} is {} (a length, or 0 for none)", path,
                                axis, period));
  if (period > 0 && span >= period * (1 - 1e-6))
    throw DataError(
        fmt::format("{}: coordinates of axis {} span {} of a period of {} (the last point is the "
                    "first again) leave the last point out",
                    path, axis, span, period));
}

}  // namespace

at::Tensor StoredGrid::turned(const at::Tensor& values) const {
  std::vector<int64_t> axes;
  for (const int64_t axis : falling) axes.push_back(axis + 2);
  return axes.empty() ? values : values.flip(axes);
}

at::Tensor StoredGrid::axis(int64_t index) const {
  const at::Tensor along = coordinates.select(-1, index);
  return coordinates.dim() == 2 ? along : along.select(1 - index, 0);
}

StoredGrid checked_grid(const std::string& path, const at::Tensor& stored,
                        const std::vector<double>& period, int64_t least) {
  const int64_t dimensions = stored.dim() - 1;
  if (dimensions < 1 || dimensions > 2 || stored.size(-1) != dimensions)
    throw DataError(fmt::format("{}: 'coordinates' has shape [{}] ([n, 1] or [n, m, 2] is needed)",
                                path, fmt::join(stored.sizes(), ", ")));
  if (!at::isFloatingType(stored.scalar_type()))
    throw DataError(
        fmt::format("{}: 'coordinates' holds integers (float32 or float64 is needed) store "
                    "coordinates.astype('float64')",
                    path));
  if (!period.empty() && std::ssize(period) != dimensions)
    throw DataError(fmt::format("{}: 'period' has {} numbers (one for each of {} axes is needed)",
                                path, period.size(), dimensions));
  const at::Tensor wrong = at::nonzero(stored.to(at::kFloat).isfinite().all(-1).logical_not());
  if (wrong.numel() > 0) {
    const auto* first = wrong.const_data_ptr<int64_t>();
    throw DataError(fmt::format("{}: coordinates of point {} are not finite in single precision",
                                path, at::IntArrayRef(first, dimensions)));
  }
  StoredGrid grid;
  for (int64_t axis = 0; axis < dimensions; ++axis) {
    if (stored.size(axis) < least)
      throw DataError(fmt::format("{}: axis {} of 'coordinates' has {} points ({} at least)", path,
                                  axis, stored.size(axis), least));
    const at::Tensor along = stored.to(at::kDouble).select(-1, axis);  // [n] or [n, m]
    const at::Tensor points = dimensions == 1 ? along : along.select(1 - axis, 0);
    if (dimensions == 2 && !at::equal(along, points.unsqueeze(1 - axis).expand_as(along)))
      throw DataError(fmt::format(
          "{}: coordinates [i, j, {}] are no function of {} (a 2-D grid is the product of two "
          "axes) store numpy.meshgrid(x, y, indexing='ij')",
          path, axis, axis == 0 ? "i" : "j"));
    if (stored.size(axis) == 1) continue;
    check_monotone(path, points, axis);
    if (!period.empty()) check_period(path, points, period[axis], axis);
    if ((points[0] > points[1]).item<bool>()) grid.falling.push_back(axis);
  }
  grid.coordinates = stored.to(at::kFloat).flip(grid.falling).contiguous();
  return grid;
}

}  // namespace ornstein::functions
