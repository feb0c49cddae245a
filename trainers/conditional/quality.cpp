#include "trainers/conditional/quality.h"

namespace ornstein::conditional {

at::Tensor psnr(const at::Tensor& a, const at::Tensor& b, double peak) {
  const at::Tensor error = (a.to(at::kDouble) - b.to(at::kDouble)).square().flatten(1).mean(1);
  return 10 * (peak * peak / error).log10();
}

at::Tensor ssim(const at::Tensor& a, const at::Tensor& b, double range) {
  TORCH_CHECK(a.sizes() == b.sizes() && a.dim() == 4 && a.size(2) >= kSsimWindow &&
                  a.size(3) >= kSsimWindow,
              "ssim wants two [B, C, H, W] with H, W >= ", kSsimWindow, ", not ", a.sizes(),
              " and ", b.sizes());
  constexpr double kDeviation = 1.5;
  const double c1 = std::pow(0.01 * range, 2), c2 = std::pow(0.03 * range, 2);
  const at::Tensor offset = at::arange(kSsimWindow, a.options().dtype(at::kDouble)) -
                            static_cast<double>(kSsimWindow / 2);
  at::Tensor window = (-offset.square() / (2 * kDeviation * kDeviation)).exp();
  window = window / window.sum();
  const auto averaged = [&](const at::Tensor& x) {
    const at::Tensor along_rows = at::conv2d(x, window.view({1, 1, 1, kSsimWindow}));
    return at::conv2d(along_rows, window.view({1, 1, kSsimWindow, 1}));
  };
  const auto planes = [](const at::Tensor& x) {
    return x.to(at::kDouble).reshape({-1, 1, x.size(2), x.size(3)});
  };
  const at::Tensor x = planes(a), y = planes(b);
  const at::Tensor mean_x = averaged(x), mean_y = averaged(y);
  const at::Tensor variances =
      averaged(x * x) - mean_x.square() + averaged(y * y) - mean_y.square();
  const at::Tensor covariance = averaged(x * y) - mean_x * mean_y;
  const at::Tensor similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2) /
                                ((mean_x.square() + mean_y.square() + c1) * (variances + c2));
  return similarity.reshape({a.size(0), -1}).mean(1);
}

}  // namespace ornstein::conditional
