#include "trainers/nonlinear_flow/spectral_norm.h"

namespace ornstein::nonlinear_flow {
namespace {

constexpr int64_t kIterations = 200;
constexpr double kGrowth = 1e-5;  // relative: far below what the bound leaves to 1
constexpr double kTiny = 1e-30;   // a kernel of zeros has no direction

at::Tensor applied(const at::Tensor& kernel, const at::Tensor& v) {
  return at::conv2d(v, kernel, {}, 1, kernel.size(2) / 2);
}

}  // namespace

at::Tensor iterated(const at::Tensor& kernel, const at::Tensor& v) {
  const at::NoGradGuard no_gradients;
  const at::Tensor back =
      at::conv_transpose2d(applied(kernel, v), kernel, {}, 1, kernel.size(2) / 2);
  const at::Tensor norm = back.norm();
  return at::where(norm > kTiny, back / norm.clamp_min(kTiny), v);
}

at::Tensor converged(const at::Tensor& kernel, at::Tensor v) {
  double norm = 0;
  for (int64_t i = 0; i < kIterations; ++i) {
    v = iterated(kernel, v);
    const double grown = spectral_norm(kernel, v).item<double>();
    if (i >= 10 && grown <= norm * (1 + kGrowth)) break;
    norm = grown;
  }
  return v;
}

at::Tensor spectral_norm(const at::Tensor& kernel, const at::Tensor& v) {
  return applied(kernel, v).norm();
}

at::Tensor spectrally_bounded(const at::Tensor& kernel, const at::Tensor& v, double bound) {
  return kernel / (spectral_norm(kernel, v) / bound).clamp_min(1);
}

}  // namespace ornstein::nonlinear_flow
