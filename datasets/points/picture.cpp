#include "datasets/points/picture.h"

namespace ornstein::points {
namespace {

constexpr int64_t kPixels = 600;
constexpr double kMargin = 0.04;  // of the picture, on each side
constexpr double kInk = 0.4;      // darkness of one point

// Lower and upper end of the values [N], N > 0, between the quantiles 0.001 and 0.999.
std::pair<double, double> range_of(const at::Tensor& values) {
  const at::Tensor sorted = std::get<0>(values.sort());
  const int64_t cut = values.numel() / 1000;
  return {sorted[cut].item<double>(), sorted[values.numel() - 1 - cut].item<double>()};
}

}  // namespace

at::Tensor scatter(const at::Tensor& x) {
  at::Tensor across = x.select(1, 0).to(at::kDouble).cpu();
  at::Tensor up = x.size(1) > 1 ? x.select(1, 1).to(at::kDouble).cpu() : at::zeros_like(across);
  const at::Tensor finite = across.isfinite().logical_and(up.isfinite());
  across = across.masked_select(finite);
  up = up.masked_select(finite);
  if (across.numel() == 0) return at::full({kPixels, kPixels, 1}, 255, at::kByte);

  const auto [left, right] = range_of(across);
  const auto [bottom, top] = range_of(up);
  double span = std::max(right - left, top - bottom);
  if (span == 0) span = 1;  // a single place
  auto pixel = [&](const at::Tensor& values, double low, double high) {
    const at::Tensor place = (values - (low + high) / 2) / span;  // -1/2 .. 1/2
    return ((place * (1 - 2 * kMargin) + 0.5) * kPixels).floor();
  };
  const at::Tensor column = pixel(across, left, right);
  const at::Tensor row = kPixels - 1 - pixel(up, bottom, top);
  const at::Tensor inside =
      (column >= 0).logical_and(column < kPixels).logical_and(row >= 0).logical_and(row < kPixels);
  const at::Tensor index = (row * kPixels + column).masked_select(inside).to(at::kLong);

  const at::Tensor counts =
      at::bincount(index, {}, kPixels * kPixels).to(at::kDouble).view({1, 1, kPixels, kPixels});
  const at::Tensor dots = 9 * at::avg_pool2d(counts, 3, 1, 1);  // points of 3 x 3 pixels
  const at::Tensor white = at::pow(1 - kInk, dots);
  return (255 * white).round().to(at::kByte).view({kPixels, kPixels, 1});
}

}  // namespace ornstein::points
