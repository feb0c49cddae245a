#include "datasets/point_clouds/cloud_picture.h"

#include <numbers>

namespace ornstein::point_clouds {
namespace {

constexpr int64_t kMostClouds = 24, kTilesAcross = 4, kView = 200;  // pixels a view, square
constexpr int64_t kGap = 6;
constexpr double kFill = 0.92;    // of a view's half side, for the scale's length
constexpr double kRadius = 1.6;   // of a point, pixels
constexpr double kShown = 0.995;  // of all numbers

using Colour = std::array<double, 3>;
constexpr Colour kLow{0.13, 0.23, 0.53}, kHigh{0.80, 0.24, 0.16}, kFar{0.86, 0.87, 0.90};

// A view from `azimuth` round the vertical axis and `elevation` above the ground, radians:
// [P, 3] -> right, up, and towards the eye.
at::Tensor turned(const at::Tensor& points, double azimuth, double elevation) {
  const double ca = std::cos(azimuth), sa = std::sin(azimuth);
  const double ce = std::cos(elevation), se = std::sin(elevation);
  const at::Tensor rotation =
      at::tensor({ca, 0.0, -sa, -sa * se, ce, -ca * se, sa * ce, se, ca * ce}, at::kDouble)
          .view({3, 3});
  return points.matmul(rotation.t());
}

struct View {
  double azimuth, elevation;
};
constexpr double kDegree = std::numbers::pi / 180;
constexpr View kFront{35 * kDegree, 25 * kDegree}, kSide{-90 * kDegree, 0};

// The points [P, 3] as seen: a tile [kView, kView, 3] in 0..1.
at::Tensor drawn(const at::Tensor& points, const View& view, double scale) {
  const at::Tensor seen = turned(points, view.azimuth, view.elevation) / scale;
  const at::Tensor sorted = seen.index_select(0, seen.select(1, 2).argsort()).contiguous();
  at::Tensor tile = at::ones({kView, kView, 3}, at::kDouble);
  auto pixel = tile.accessor<double, 3>();
  auto point = sorted.accessor<double, 2>();
  const auto reach = static_cast<int64_t>(std::ceil(kRadius));
  for (int64_t i = 0; i < sorted.size(0); ++i) {
    const double column = (1 + kFill * point[i][0]) * kView / 2;
    const double row = (1 - kFill * point[i][1]) * kView / 2;
    if (!(std::abs(column) < 2 * kView && std::abs(row) < 2 * kView)) continue;
    const double high = (std::clamp(point[i][1], -1.0, 1.0) + 1) / 2;
    const double near = 0.35 + 0.65 * (std::clamp(point[i][2], -1.0, 1.0) + 1) / 2;
    for (int64_t y = std::lround(row) - reach; y <= std::lround(row) + reach; ++y)
      for (int64_t x = std::lround(column) - reach; x <= std::lround(column) + reach; ++x) {
        if (y < 0 || y >= kView || x < 0 || x >= kView) continue;
        const double centre =
            std::hypot(static_cast<double>(x) - column, static_cast<double>(y) - row);
        const double cover = std::clamp(kRadius + 0.5 - centre, 0.0, 1.0);
        for (size_t c = 0; c < 3; ++c) {
          const double ink = kFar[c] + near * (kLow[c] + high * (kHigh[c] - kLow[c]) - kFar[c]);
          double& value = pixel[y][x][static_cast<int64_t>(c)];
          value += cover * (ink - value);
        }
      }
  }
  return tile;
}

// [P, 3] float64 of a cloud: the finite points that are there, a third axis of zeros if need be.
at::Tensor shown(const at::Tensor& cloud, const at::Tensor& mask) {
  at::Tensor points = cloud.to(at::kDouble).cpu();
  at::Tensor there = points.isfinite().all(1);
  if (mask.defined()) there = there.logical_and(mask.cpu());
  points = points.index({there});
  if (points.size(1) < 3) points = at::constant_pad_nd(points, {0, 3 - points.size(1)});
  return points.narrow(1, 0, 3);
}

}  // namespace

at::Tensor clouds_from_two_views(const at::Tensor& x, const at::Tensor& mask) {
  const int64_t count = std::min(kMostClouds, x.size(0));
  std::vector<at::Tensor> clouds;
  for (int64_t i = 0; i < count; ++i)
    clouds.push_back(shown(x[i], mask.defined() ? mask[i] : at::Tensor()));
  double scale = 1;
  if (count > 0 && at::cat(clouds).size(0) > 0) {
    const at::Tensor centre = std::get<0>(at::cat(clouds).median(0));
    for (at::Tensor& cloud : clouds) cloud = cloud - centre;
    const at::Tensor sorted = std::get<0>(at::cat(clouds).abs().flatten().sort());
    const auto last = static_cast<int64_t>(kShown * static_cast<double>(sorted.numel() - 1));
    scale = 1.25 * sorted[last].item<double>();  // a turned corner is longer
    if (scale == 0) scale = 1;
  }
  const bool flat = x.size(2) < 3;
  const std::vector<View> views =
      flat ? std::vector<View>{{0, 0}} : std::vector<View>{kFront, kSide};
  const int64_t across = std::min(kTilesAcross, std::max<int64_t>(1, count));
  const int64_t down = std::max<int64_t>(1, (count + across - 1) / across);
  const int64_t width = std::ssize(views) * kView;
  at::Tensor picture = at::ones({down * (kView + kGap), across * (width + kGap), 3}, at::kDouble);
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = 0; j < std::ssize(views); ++j)
      picture.narrow(0, i / across * (kView + kGap), kView)
          .narrow(1, i % across * (width + kGap) + j * kView, kView)
          .copy_(drawn(clouds[i], views[j], scale));
  return (picture * 255).round().to(at::kByte);
}

}  // namespace ornstein::point_clouds
