#include "trainers/point_cloud/occupancy.h"

namespace ornstein::point_cloud {
namespace {

constexpr int64_t kSide = 28;
constexpr int64_t kAtATime = 1024;  // points, beside all nodes

struct BallGrid {
  at::Tensor nodes;    // [K, axes] float64, those in the ball
  at::Tensor numbers;  // [kSide^axes] int64: which of them; -1 outside
};

BallGrid ball_grid(int64_t axes) {
  const at::Tensor along = at::linspace(-0.5, 0.5, kSide, at::kDouble);
  const at::Tensor all =
      at::stack(at::meshgrid(std::vector<at::Tensor>(axes, along), "ij"), -1).flatten(0, -2);
  const at::Tensor inside = all.square().sum(1) <= 0.25;
  return {all.index({inside}), at::where(inside, inside.cumsum(0) - 1, -1)};
}

// Points [n, D] in the cube's unit -> the number of each one's nearest node in the ball, [n].
at::Tensor nearest_nodes(const at::Tensor& points, const BallGrid& grid) {
  const at::Tensor cell = ((points + 0.5) * (kSide - 1)).round().clamp(0, kSide - 1).to(at::kLong);
  at::Tensor flat = cell.select(1, 0);
  for (int64_t axis = 1; axis < points.size(1); ++axis) flat = flat * kSide + cell.select(1, axis);
  at::Tensor nearest = grid.numbers.index_select(0, flat);
  const at::Tensor outside = at::nonzero(nearest < 0).flatten();
  for (const at::Tensor& part : outside.split(kAtATime))
    nearest.index_copy_(0, part, at::cdist(points.index_select(0, part), grid.nodes).argmin(1));
  return nearest;
}

at::Tensor occupancy(const at::Tensor& points, const BallGrid& grid) {  // [K], sum 1
  const at::Tensor counts = at::bincount(nearest_nodes(points, grid), {}, grid.nodes.size(0));
  return counts.to(at::kDouble) / static_cast<double>(points.size(0));
}

double bits(const at::Tensor& shares) {
  return -at::xlogy(shares, shares).sum().item<double>() / std::log(2.0);
}

}  // namespace

double occupancy_divergence(const at::Tensor& samples, const at::Tensor& references) {
  TORCH_CHECK(samples.dim() == 2 && references.dim() == 2 && samples.size(1) <= 3 &&
                  samples.size(1) == references.size(1),
              "an occupancy is of points of 1, 2 or 3 axes, not ", samples.sizes(), " and ",
              references.sizes());
  const at::Tensor s = samples.to(at::kCPU, at::kDouble), r = references.to(at::kCPU, at::kDouble);
  const at::Tensor centre = (r.amin(0) + r.amax(0)) / 2;
  const double radius = (r - centre).norm(2, 1).max().item<double>();
  const double scale = radius > 0 ? 0.5 / radius : 1;
  const BallGrid grid = ball_grid(r.size(1));
  const at::Tensor p = occupancy((s - centre) * scale, grid);
  const at::Tensor q = occupancy((r - centre) * scale, grid);
  return bits((p + q) / 2) - (bits(p) + bits(q)) / 2;
}

}  // namespace ornstein::point_cloud
