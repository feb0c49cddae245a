#include "framework/math/moments.h"

namespace ornstein {
namespace {

at::Tensor per_channel(const at::Tensor& values, const at::Tensor& x) {
  std::vector<int64_t> shape(x.dim(), 1);
  shape[1] = values.size(0);
  return values.to(x.options()).view(shape);
}

}  // namespace

at::Tensor power_sums(const at::Tensor& x) {
  const at::Tensor channels = x.to(at::kDouble).transpose(0, 1).flatten(1);  // [C, n]
  const at::Tensor count = at::full({channels.size(0)}, channels.size(1), channels.options());
  return at::stack({count, channels.sum(1), channels.square().sum(1)});
}

Moments moments_from(const at::Tensor& sums, double added) {
  const at::Tensor mean = sums[1] / sums[0];
  const at::Tensor variance = sums[2] / sums[0] - mean.square();
  // Below this the difference is rounding.
  const at::Tensor varies = variance > 1e-12 * mean.square();
  return {mean, at::where(varies, variance + added, added > 0 ? added : 1.0).sqrt()};
}

at::Tensor standardise(const Moments& moments, const at::Tensor& x) {
  return (x - per_channel(moments.mean, x)) / per_channel(moments.std, x);
}

at::Tensor unstandardise(const Moments& moments, const at::Tensor& x) {
  return x * per_channel(moments.std, x) + per_channel(moments.mean, x);
}

at::Tensor standardise_log_det(const Moments& moments, const at::Tensor& x) {
  return -moments.std.log().sum() * (x[0].numel() / x.size(1));
}

}  // namespace ornstein
