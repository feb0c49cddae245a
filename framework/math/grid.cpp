#include "framework/math/grid.h"

namespace ornstein {
namespace {

// How far a point of these float32 coordinates may be from where it belongs.
double rounding(const at::Tensor& points) { return 2.5e-7 * points.abs().max().item<double>(); }

bool strictly_monotone(const at::Tensor& points) {
  const at::Tensor steps = points.diff();
  return at::logical_or((steps > 0).all(), (steps < 0).all()).item<bool>();
}

}  // namespace

at::Tensor Axis::gaps() const {
  const at::Tensor inner = points.diff().abs();
  if (period == 0) return inner;
  const at::Tensor round = period - (points[-1] - points[0]).abs();
  TORCH_CHECK(round.item<double>() > 1e-6 * period, "points of a periodic axis span its period ",
              period, " or more: the last one is the first again");
  return at::cat({inner, round.unsqueeze(0)});
}

at::Tensor Axis::weights() const {
  if (points.size(0) == 1) return at::ones_like(points);
  const at::Tensor gap = gaps();
  if (period > 0) return (gap + gap.roll(1)) / 2;
  const at::Tensor none = at::zeros({1}, gap.options());
  return (at::cat({gap, none}) + at::cat({none, gap})) / 2;
}

std::optional<double> Axis::spacing() const {
  const int64_t n = points.size(0);
  if (n == 1) return 1;
  const double mean = (points[-1] - points[0]).item<double>() / static_cast<double>(n - 1);
  const at::Tensor regular = points[0] + at::arange(n, points.options()) * mean;
  const double off = (points - regular).abs().max().item<double>();
  if (off > 1e-3 * std::abs(mean) + rounding(points)) return std::nullopt;
  return std::abs(mean);
}

bool Axis::regular() const {
  const auto step = spacing();
  if (!step || period == 0) return step.has_value();
  const double off = *step * static_cast<double>(points.size(0)) - period;
  return std::abs(off) <= 1e-2 * *step + rounding(points);
}

std::optional<Grid> Grid::of(const at::Tensor& coordinates, const std::vector<double>& period) {
  const int64_t dimensions = coordinates.dim() - 1;
  TORCH_CHECK((dimensions == 1 || dimensions == 2) && coordinates.size(-1) == dimensions,
              "coordinates are [n, 1] or [n, m, 2], not ", coordinates.sizes());
  TORCH_CHECK(period.empty() || static_cast<int64_t>(period.size()) == dimensions,
              "one period an axis, not ", period.size());
  Grid grid;
  for (int64_t axis = 0; axis < dimensions; ++axis) {
    const at::Tensor along =
        coordinates.to(at::kDouble).select(-1, axis).movedim(axis, 0);  // [n] or [n, m]
    const at::Tensor first = dimensions == 1 ? along : along.select(1, 0);
    if (dimensions == 2 &&
        (along - first.unsqueeze(1)).abs().max().item<double>() > rounding(along))
      return std::nullopt;
    if (!strictly_monotone(first)) return std::nullopt;
    grid.axes.push_back({first.contiguous(), period.empty() ? 0 : period[axis]});
    grid.axes.back().gaps();  // refuses a period too short
  }
  return grid;
}

at::Tensor Grid::weights() const {
  const at::Tensor first = axes[0].weights();
  return axes.size() == 1 ? first : first.unsqueeze(1) * axes[1].weights();
}

}  // namespace ornstein
