#include "framework/math/pixels.h"

namespace ornstein {

at::Tensor ImageFrame::pad(const at::Tensor& x) const {
  TORCH_CHECK(x.dim() == 4 && x.size(2) == height && x.size(3) == width, "ImageFrame wants [B, C, ",
              height, ", ", width, "], not ", x.sizes());
  const int64_t rows = padded_height() - height, columns = padded_width() - width;
  if (rows == 0 && columns == 0) return x;
  return at::constant_pad_nd(x, {columns / 2, columns - columns / 2, rows / 2, rows - rows / 2},
                             background);
}

at::Tensor ImageFrame::cut(const at::Tensor& x) const {
  return x.narrow(2, (padded_height() - height) / 2, height)
      .narrow(3, (padded_width() - width) / 2, width);
}

at::Tensor ImageFrame::bits_per_dimension(const at::Tensor& nll, int64_t channels) const {
  const double framed = static_cast<double>(channels * padded_height() * padded_width());
  const double bare = static_cast<double>(channels * height * width);
  return (nll - framed * std::log(kGreyLevel)) / (bare * std::log(2.0));
}

at::Tensor off_grey_levels(const at::Tensor& x) {
  const at::Tensor level = (x + 1) / kGreyLevel;
  const at::Tensor beyond = (level - 127.5).abs() > 127.5 + 1e-3;
  return ((level - level.round()).abs() > 1e-3).logical_or(beyond).to(x.scalar_type());
}

at::Tensor dequantise(const at::Tensor& x, const at::Tensor& grey, at::Generator& generator) {
  const at::Tensor noise = at::rand(x.sizes(), generator, x.options()) - 0.5;
  return x + grey.to(x.scalar_type()) * kGreyLevel * noise;
}

}  // namespace ornstein
