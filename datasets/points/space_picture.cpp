#include "datasets/points/space_picture.h"

#include <numbers>

#include "datasets/points/graph_list.h"
#include "datasets/points/picture.h"

namespace ornstein::points {
namespace {

using std::numbers::pi;

constexpr int64_t kSide = 600;    // of a square, and the height of a map
constexpr double kMargin = 0.03;  // of the height, on each side
constexpr double kInk = 0.4;      // darkness of one point
constexpr double kGrey = 0.82;    // of graticules and frames
constexpr int64_t kMatrices = 40, kMatricesAcross = 8, kMatrixPixels = 120, kGap = 8;

// A white picture with a plane on it: places [n, 2], the second axis up, |second| <= 1 inside the
// margins.
class Canvas {
 public:
  explicit Canvas(double aspect)
      : height_(kSide),
        width_(std::lround(aspect * kSide)),
        pixels_(at::ones({height_, width_, 3}, at::kDouble)) {}

  // Draws a line through `places`, grey.
  void line(const at::Tensor& places) {
    const at::Tensor index = indices(places);
    at::Tensor flat = pixels_.view({-1, 3});
    flat.index_fill_(0, index.masked_select(index >= 0), kGrey);
  }

  // Points of 3 x 3 pixels, each of its colour [n, 3] in 0..1.
  void points(const at::Tensor& places, const at::Tensor& colours) {
    const at::Tensor index = indices(places), inside = index >= 0;
    const at::Tensor where = index.masked_select(inside);
    const at::Tensor counts = spread(where, {});
    const at::Tensor white = at::pow(1 - kInk, counts).unsqueeze(2);
    std::vector<at::Tensor> mean;
    for (const at::Tensor& channel : colours.unbind(1))
      mean.push_back(spread(where, channel.masked_select(inside)) / counts.clamp_min(1e-9));
    pixels_ = white * pixels_ + (1 - white) * at::stack(mean, 2);
  }

  at::Tensor picture() const { return (255 * pixels_).round().to(at::kByte); }

 private:
  // Of the pixels, row by row; -1 outside.
  at::Tensor indices(const at::Tensor& places) const {
    const double unit = (1 - 2 * kMargin) * static_cast<double>(height_) / 2;
    const at::Tensor column =
        (static_cast<double>(width_) / 2 + unit * places.select(1, 0)).floor();
    const at::Tensor row = (static_cast<double>(height_) / 2 - unit * places.select(1, 1)).floor();
    const at::Tensor inside =
        (column >= 0).logical_and(column < width_).logical_and(row >= 0).logical_and(row < height_);
    return at::where(inside, row * width_ + column, -1.0).to(at::kLong);
  }
  at::Tensor spread(const at::Tensor& index, const at::Tensor& weights) const {
    const at::Tensor counts =
        at::bincount(index, weights.defined() ? std::optional(weights) : std::nullopt,
                     height_ * width_)
            .to(at::kDouble);
    return 9 *
           at::avg_pool2d(counts.view({1, 1, height_, width_}), 3, 1, 1).view({height_, width_});
  }

  int64_t height_, width_;
  at::Tensor pixels_;  // [H, W, 3], in 0..1
};

at::Tensor black(const at::Tensor& x) { return at::zeros({x.size(0), 3}, at::kDouble); }

// Mollweide's map of latitudes and longitudes in radians: [n, 2], within [-2, 2] x [-1, 1].
at::Tensor mollweide(const at::Tensor& latitude, const at::Tensor& longitude) {
  // 2 t + sin 2 t = pi sin(latitude), by Newton's method damped near the poles.
  at::Tensor t = latitude;
  for (int i = 0; i < 30; ++i)
    t = t - (2 * t + (2 * t).sin() - pi * latitude.sin()) / (2 + 2 * (2 * t).cos()).clamp_min(0.05);
  t = t.clamp(-pi / 2, pi / 2);
  return at::stack({2 / pi * longitude * t.cos(), t.sin()}, 1);
}

Canvas globe() {
  Canvas canvas(2 - 2 * kMargin);
  const at::Tensor along = at::linspace(-1, 1, 2000, at::kDouble);
  for (int degrees = -180; degrees <= 180; degrees += 30) {
    const at::Tensor fixed = at::full_like(along, degrees * pi / 180);
    canvas.line(mollweide(along * (pi / 2), fixed));
    if (std::abs(degrees) < 90) canvas.line(mollweide(fixed, along * pi));
  }
  return canvas;
}

// Unit vectors [n, 3] on the globe.
at::Tensor on_globe(const at::Tensor& x, const at::Tensor& colours) {
  const auto parts = x.unbind(1);
  Canvas canvas = globe();
  canvas.points(mollweide(parts[2].clamp(-1, 1).asin(), at::atan2(parts[1], parts[0])), colours);
  return canvas.picture();
}

// Colours round the circle, [n, 3].
at::Tensor hues(const at::Tensor& angle) {
  std::vector<at::Tensor> channels;
  for (int i = 0; i < 3; ++i) channels.push_back(0.45 + 0.45 * (angle - i * 2 * pi / 3).cos());
  return at::stack(channels, 1);
}

at::Tensor on_square(const at::Tensor& places) {
  Canvas canvas(1);
  const at::Tensor along = at::linspace(-1, 1, 2 * kSide, at::kDouble), one = at::ones_like(along);
  for (const double edge : {-1.0, 1.0}) {
    canvas.line(at::stack({along, edge * one}, 1));
    canvas.line(at::stack({edge * one, along}, 1));
  }
  canvas.points(places, black(places));
  return canvas.picture();
}

at::Tensor on_disc(const at::Tensor& places) {
  Canvas canvas(1);
  const at::Tensor angle = at::linspace(-pi, pi, 8 * kSide, at::kDouble);
  canvas.line(at::stack({angle.cos(), angle.sin()}, 1));
  canvas.points(places, black(places));
  return canvas.picture();
}

at::Tensor matrices(const at::Tensor& x) {
  const int64_t count = std::min(kMatrices, x.size(0));
  const at::Tensor rows = x.slice(0, 0, count);
  const auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(x.size(1)))));
  const at::Tensor tiles = side * side == x.size(1)           ? rows.view({count, side, side})
                           : nodes_of_triangle(x.size(1)) > 0 ? adjacency_of(rows)
                                                              : rows.unsqueeze(1);
  const int64_t height = tiles.size(1), width = tiles.size(2);
  const int64_t cell = std::max<int64_t>(1, kMatrixPixels / width);
  const at::Tensor large = tiles.repeat_interleave(cell, 1).repeat_interleave(cell, 2);
  const int64_t across = std::min(kMatricesAcross, count);
  const int64_t down = (count + across - 1) / across;
  at::Tensor picture =
      at::full({down * (height * cell + kGap), across * (width * cell + kGap)}, kGrey, at::kDouble);
  for (int64_t i = 0; i < count; ++i)
    picture.narrow(0, i / across * (height * cell + kGap) + kGap / 2, height * cell)
        .narrow(1, i % across * (width * cell + kGap) + kGap / 2, width * cell)
        .copy_(1 - large[i].clamp(0, 1));
  return (255 * picture).round().to(at::kByte).unsqueeze(2);
}

}  // namespace

at::Tensor picture_on_space(const std::string& space, const at::Tensor& points) {
  const at::Tensor all = points.to(at::kDouble).cpu();
  const at::Tensor x = all.index({all.isfinite().all(1)}).contiguous();
  const int64_t dimensions = x.size(1);
  if (x.size(0) == 0) return scatter(points);
  if (space == "sphere" && dimensions == 3) return on_globe(x, black(x));
  if (space == "so3" && dimensions == 9)
    return on_globe(at::stack({x.select(1, 2), x.select(1, 5), x.select(1, 8)}, 1),
                    hues(at::atan2(x.select(1, 7), -x.select(1, 6))));
  if (space == "torus" && dimensions >= 2) return on_square(x.narrow(1, 0, 2) / pi);
  if (space == "hyperbolic" && dimensions == 3)
    return on_disc(x.narrow(1, 1, 2) / (1 + x.narrow(1, 0, 1)));
  if (space == "binary") return matrices(x);
  return scatter(points);
}

}  // namespace ornstein::points
