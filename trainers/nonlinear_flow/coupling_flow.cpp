#include "trainers/nonlinear_flow/coupling_flow.h"

#include "framework/math/moments.h"

namespace ornstein::nonlinear_flow {
namespace {

constexpr double kLargestLogScale = 2;
constexpr double kSmallestStd = 1e-6;  // of a channel: a constant one is left as it is

at::Tensor per_channel(const at::Tensor& values, const at::Tensor& x) {
  return values.to(x.scalar_type()).view({1, -1, 1, 1});
}

int64_t pixels(const at::Tensor& x) { return x.size(2) * x.size(3); }

at::Tensor convolved(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return at::conv2d(x, weight.to(x.scalar_type()), bias.to(x.scalar_type()), 1, weight.size(2) / 2);
}

}  // namespace

ActNorm::ActNorm(int64_t channels)
    : bias_(at::zeros({channels}).requires_grad_()),
      log_scale_(at::zeros({channels}).requires_grad_()) {}

Mapped ActNorm::forward(const at::Tensor& x, LogDet, at::Generator&) const {
  const at::Tensor z = (x + per_channel(bias_, x)) * per_channel(log_scale_, x).exp();
  return {z, (pixels(x) * log_scale_.sum()).to(x.scalar_type()).expand({x.size(0)})};
}

at::Tensor ActNorm::inverse(const at::Tensor& z) const {
  return z * (-per_channel(log_scale_, z)).exp() - per_channel(bias_, z);
}

std::vector<NamedTensor> ActNorm::parameters() const {
  return {{"bias", bias_}, {"log_scale", log_scale_}};
}

void ActNorm::initialise(const at::Tensor& x) {
  const at::NoGradGuard no_gradients;
  const Moments moments = moments_from(power_sums(x));
  bias_.copy_(-moments.mean);
  log_scale_.copy_(-moments.std.clamp_min(kSmallestStd).log());
}

InvertibleConvolution::InvertibleConvolution(int64_t channels, bool reversed)
    : weight_(at::eye(channels)) {
  if (reversed) weight_ = weight_.flip(0);
  weight_.requires_grad_();
}

Mapped InvertibleConvolution::forward(const at::Tensor& x, LogDet purpose, at::Generator&) const {
  const at::Tensor kernel = weight_.to(x.scalar_type()).unsqueeze(2).unsqueeze(3);
  at::Tensor log_det = at::zeros({}, x.options());
  if (purpose != LogDet::none) {
    const at::Tensor log_abs_det = std::get<1>(at::linalg_slogdet(weight_.to(at::kDouble)));
    log_det = (pixels(x) * log_abs_det).to(x.scalar_type());
  }
  return {at::conv2d(x, kernel), log_det.expand({x.size(0)})};
}

at::Tensor InvertibleConvolution::inverse(const at::Tensor& z) const {
  const at::Tensor inverse = at::linalg_inv(weight_.to(at::kDouble)).to(z.scalar_type());
  return at::conv2d(z, inverse.unsqueeze(2).unsqueeze(3));
}

std::vector<NamedTensor> InvertibleConvolution::parameters() const { return {{"weight", weight_}}; }

AffineCoupling::AffineCoupling(int64_t channels, int64_t hidden) : kept_(channels / 2) {
  TORCH_CHECK(kept_ > 0, "AffineCoupling wants two channels or more");
  const auto convolution = [](int64_t in, int64_t out, int64_t size) {
    return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, size));
  };
  const auto first = convolution(kept_, hidden, 3), second = convolution(hidden, hidden, 1);
  weight1_ = first->weight, bias1_ = first->bias;
  weight2_ = second->weight, bias2_ = second->bias;
  const int64_t outputs = 2 * (channels - kept_);
  weight3_ = at::zeros({outputs, hidden, 3, 3}).requires_grad_();
  bias3_ = at::zeros({outputs}).requires_grad_();
}

AffineCoupling::Affine AffineCoupling::conditioned(const at::Tensor& u) const {
  const at::Tensor h =
      at::silu(convolved(at::silu(convolved(u, weight1_, bias1_)), weight2_, bias2_));
  const auto parts = convolved(h, weight3_, bias3_).chunk(2, 1);
  return {kLargestLogScale * (parts[0] / kLargestLogScale).tanh(), parts[1]};
}

Mapped AffineCoupling::forward(const at::Tensor& x, LogDet, at::Generator&) const {
  const at::Tensor u = x.narrow(1, 0, kept_), v = x.narrow(1, kept_, x.size(1) - kept_);
  const auto [log_scale, shift] = conditioned(u);
  return {at::cat({u, v * log_scale.exp() + shift}, 1), log_scale.flatten(1).sum(1)};
}

at::Tensor AffineCoupling::inverse(const at::Tensor& z) const {
  const at::Tensor u = z.narrow(1, 0, kept_), v = z.narrow(1, kept_, z.size(1) - kept_);
  const auto [log_scale, shift] = conditioned(u);
  return at::cat({u, (v - shift) * (-log_scale).exp()}, 1);
}

std::vector<NamedTensor> AffineCoupling::parameters() const {
  return {{"conv1.weight", weight1_}, {"conv1.bias", bias1_},     {"conv2.weight", weight2_},
          {"conv2.bias", bias2_},     {"conv3.weight", weight3_}, {"conv3.bias", bias3_}};
}

}  // namespace ornstein::nonlinear_flow
