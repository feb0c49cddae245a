#include "datasets/functions/curves.h"

namespace ornstein::functions {
namespace {

constexpr int64_t kWidth = 900, kHeight = 360, kMargin = 14;
constexpr int64_t kMostLines = 24, kLinesOverBands = 8;
constexpr double kLine = 1.6;  // pixels

struct Ink {
  std::array<double, 3> colour;  // 0..1
  double opacity;
};
constexpr Ink kZero{{0.6, 0.6, 0.6}, 0.5}, kOuterBand{{0.13, 0.40, 0.67}, 0.18},
    kInnerBand{{0.13, 0.40, 0.67}, 0.3}, kMedian{{0.02, 0.19, 0.38}, 1},
    kCurve{{0.70, 0.09, 0.17}, 0.75}, kFrame{{0.2, 0.2, 0.2}, 1};

class Panel {
 public:
  // Places and values [n] that the panel shows span from `left` to `right` and `low` to `high`.
  Panel(double left, double right, double low, double high)
      : left_(left), right_(right), low_(low), high_(high) {}

  // Paints between two curves of the n places, and half a line's width beyond.
  void band(const at::Tensor& places, const at::Tensor& lower, const at::Tensor& upper,
            const Ink& ink, double width = 0) {
    const at::Tensor one = edges(places, lower), other = edges(places, upper);
    // Within a column the curves are between their values at its edges.
    const at::Tensor top = at::minimum(at::minimum(one.slice(0, 1), one.slice(0, 0, kWidth)),
                                       at::minimum(other.slice(0, 1), other.slice(0, 0, kWidth)));
    const at::Tensor bottom =
        at::maximum(at::maximum(one.slice(0, 1), one.slice(0, 0, kWidth)),
                    at::maximum(other.slice(0, 1), other.slice(0, 0, kWidth)));
    const at::Tensor row = at::arange(kHeight, at::kDouble).unsqueeze(1);
    const at::Tensor covered = at::minimum(bottom + width / 2, row + 1) -
                               at::maximum(top - width / 2, row);  // [H, W]; NaN where undefined
    paint(covered.nan_to_num(0).clamp(0, 1), ink);
  }

  void line(const at::Tensor& places, const at::Tensor& values, const Ink& ink) {
    band(places, values, values, ink, kLine);
  }

  void zero() {
    if (low_ < 0 && high_ > 0)
      line(at::tensor({left_, right_}, at::kDouble), at::zeros({2}, at::kDouble), kZero);
  }

  at::Tensor framed() {
    at::Tensor frame = at::zeros({kHeight, kWidth}, at::kDouble);
    const int64_t bottom = kHeight - kMargin, right = kWidth - kMargin;
    for (const int64_t row : {kMargin, bottom - 1}) frame[row].slice(0, kMargin, right).fill_(1);
    for (const int64_t column : {kMargin, right - 1})
      frame.select(1, column).slice(0, kMargin, bottom).fill_(1);
    paint(frame, kFrame);
    return (canvas_ * 255).round().to(at::kByte);
  }

 private:
  // The rows (in pixels, 0 on top) of a curve at the edges of the columns, [W + 1]; NaN outside.
  at::Tensor edges(const at::Tensor& places, const at::Tensor& values) const {
    const double inner = kWidth - 2 * kMargin, tall = kHeight - 2 * kMargin;
    const at::Tensor column = at::arange(kWidth + 1, at::kDouble);
    const at::Tensor x = left_ + (column - kMargin) / inner * (right_ - left_);
    const at::Tensor after = at::searchsorted(places.contiguous(), x).clamp(1, places.numel() - 1);
    const at::Tensor x0 = places.index_select(0, after - 1), x1 = places.index_select(0, after);
    const at::Tensor y0 = values.index_select(0, after - 1), y1 = values.index_select(0, after);
    const at::Tensor share = (x - x0) / (x1 - x0);
    const at::Tensor y = y0 + share * (y1 - y0);
    const at::Tensor height = kMargin + (high_ - y) / (high_ - low_) * tall;
    const double half = (right_ - left_) / inner / 2;  // a pixel is half in
    const at::Tensor outside = (x < places[0] - half).logical_or(x > places[-1] + half);
    return height.masked_fill(outside, std::nan("")).clamp(kMargin, kHeight - kMargin);
  }

  // `cover` [H, W] in 0..1.
  void paint(const at::Tensor& cover, const Ink& ink) {
    const at::Tensor alpha = (cover * ink.opacity).unsqueeze(2);
    const at::Tensor colour = at::tensor(at::ArrayRef<double>(ink.colour), at::kDouble);
    canvas_ = canvas_ * (1 - alpha) + colour * alpha;
  }

  double left_, right_, low_, high_;
  at::Tensor canvas_ = at::ones({kHeight, kWidth, 3}, at::kDouble);
};

// Lower and upper end of what a panel shows of values [N].
std::pair<double, double> range_of(const at::Tensor& values) {
  const at::Tensor finite = values.masked_select(values.isfinite());
  if (finite.numel() == 0) return {-1, 1};
  const at::Tensor sorted = std::get<0>(finite.sort());
  const int64_t cut = finite.numel() / 1000;
  const double low = sorted[cut].item<double>();
  const double high = sorted[finite.numel() - 1 - cut].item<double>();
  const double margin = high > low ? 0.04 * (high - low) : 1;
  return {low - margin, high + margin};
}

at::Tensor panel(const at::Tensor& x, const at::Tensor& places) {
  const auto [low, high] = range_of(x.flatten());
  Panel panel(places[0].item<double>(), places[-1].item<double>(), low, high);
  panel.zero();
  const bool many = x.size(0) > kMostLines;
  if (many) {
    const at::Tensor sorted = std::get<0>(x.sort(0));  // what is not finite comes last
    auto quantile = [&](double level) {
      return sorted[std::lround(level * static_cast<double>(x.size(0) - 1))];
    };
    panel.band(places, quantile(0.05), quantile(0.95), kOuterBand);
    panel.band(places, quantile(0.25), quantile(0.75), kInnerBand);
    panel.line(places, quantile(0.5), kMedian);
  }
  const int64_t lines = many ? kLinesOverBands : x.size(0);
  for (int64_t i = 0; i < lines; ++i) panel.line(places, x[i], kCurve);
  return panel.framed();
}

}  // namespace

at::Tensor curves(const at::Tensor& x, const at::Tensor& places) {
  std::vector<at::Tensor> panels;
  for (const at::Tensor& channel : x.to(at::kDouble).unbind(1)) {
    const at::Tensor finite = channel.masked_fill(channel.isfinite().logical_not(), std::nan(""));
    panels.push_back(panel(finite, places.to(at::kDouble)));
  }
  return at::cat(panels);
}

}  // namespace ornstein::functions
