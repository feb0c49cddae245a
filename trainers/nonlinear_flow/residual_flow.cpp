#include "trainers/nonlinear_flow/residual_flow.h"

#include "framework/base/errors.h"
#include "trainers/nonlinear_flow/residual_log_det.h"
#include "trainers/nonlinear_flow/spectral_norm.h"

namespace ornstein::nonlinear_flow {
namespace {

constexpr double kTolerance = 1e-6;  // of the inverse
constexpr int64_t kMostIterations =
    1000;  // four times what a branch of Lipschitz constant 0.94 needs
constexpr int64_t kEvaluationTerms = 20;
constexpr double kFirstScale = 0.1;  // of K3: nearly the identity, yet all gradients are there

at::Tensor random_signs(const at::Tensor& like, at::Generator& generator) {
  return 2 * at::randint(2, like.sizes(), generator, like.options()) - 1;
}

}  // namespace

ResidualLayer::ResidualLayer(int64_t channels, int64_t height, int64_t width,
                             const ResidualOptions& options)
    : options_(options) {
  TORCH_CHECK(0 < options.lipschitz && options.lipschitz < 1,
              "ResidualLayer wants a Lipschitz constant in (0, 1), not ", options.lipschitz);
  const int64_t sizes[] = {channels, options.hidden, options.hidden, channels};
  for (int64_t i = 0; i < 3; ++i) {
    const int64_t kernel = i == 1 ? 1 : 3;
    const torch::nn::Conv2d convolution(torch::nn::Conv2dOptions(sizes[i], sizes[i + 1], kernel));
    weights_[i] = convolution->weight;
    biases_[i] = convolution->bias;
    const at::Tensor v =
        kernel == 1 ? at::randn({1, sizes[i], 1, 1}) : at::randn({1, sizes[i], height, width});
    vectors_[i] = v / v.norm();
  }
  const at::NoGradGuard no_gradients;
  weights_[2].mul_(kFirstScale);
  biases_[2].zero_();
  for (at::Tensor& log_frequency : log_frequencies_)
    log_frequency = at::zeros({options.hidden}).requires_grad_();
}

Mapped ResidualLayer::forward(const at::Tensor& x, LogDet purpose, at::Generator& generator) const {
  const Kernels kernels = bounded();
  const ResidualBranch g = [&](const at::Tensor& y) { return branch(y, kernels); };
  if (purpose == LogDet::none) return {x + g(x), at::zeros({x.size(0)}, x.options())};

  BranchWithLogDet result;
  if (options_.log_det == ResidualLogDet::exact) {
    result = exact_log_det(g, x);
  } else {
    const at::Tensor signs = random_signs(x, generator);
    const bool evaluation = purpose == LogDet::evaluation;
    const double bound = std::pow(options_.lipschitz, 3);
    const std::vector<double> coefficients =
        options_.log_det == ResidualLogDet::series && !evaluation
            ? std::vector<double>(options_.terms, 1.0)
            : roulette_coefficients(evaluation ? kEvaluationTerms : options_.terms, bound,
                                    generator);
    result = estimated_log_det(g, x, signs, coefficients);
  }
  return {x + result.value, result.log_det};
}

at::Tensor ResidualLayer::inverse(const at::Tensor& z) const {
  const at::NoGradGuard no_gradients;
  const Kernels kernels = bounded();
  // The error is at most the last change times L/(1 - L).
  const double bound = std::pow(options_.lipschitz, 3);
  const double tolerance =
      kTolerance * std::max(1.0, z.abs().max().item<double>()) * std::min(1.0, (1 - bound) / bound);
  at::Tensor x = z - branch(z, kernels);
  double change = 0;
  for (int64_t i = 0; i < kMostIterations; ++i) {
    const at::Tensor next = z - branch(x, kernels);
    change = (next - x).abs().max().item<double>();
    x = next;
    if (change <= tolerance) return x;
    if (!std::isfinite(change)) break;
  }
  throw Error(fmt::format(
      "the inverse of a residual layer still moved by {} after {} iterations (its parameters are "
      "not finite, or its Lipschitz constant is near 1) lower flow.lipschitz",
      change, kMostIterations));
}

std::vector<NamedTensor> ResidualLayer::parameters() const {
  std::vector<NamedTensor> all;
  for (size_t i = 0; i < 3; ++i) {
    all.push_back({fmt::format("conv{}.weight", i + 1), weights_[i]});
    all.push_back({fmt::format("conv{}.bias", i + 1), biases_[i]});
  }
  for (size_t i = 0; i < 2; ++i)
    all.push_back({fmt::format("log_frequency{}", i + 1), log_frequencies_[i]});
  return all;
}

std::vector<NamedTensor> ResidualLayer::state() const {
  return {{"vector1", vectors_[0]}, {"vector2", vectors_[1]}, {"vector3", vectors_[2]}};
}

void ResidualLayer::refresh() {
  for (size_t i = 0; i < 3; ++i) vectors_[i].copy_(iterated(weights_[i], vectors_[i]));
}

void ResidualLayer::initialise(const at::Tensor&) {
  for (size_t i = 0; i < 3; ++i) vectors_[i].copy_(converged(weights_[i], vectors_[i]));
}

std::shared_ptr<const Bijection> ResidualLayer::settled() const {
  auto copy = std::make_shared<ResidualLayer>(*this);  // shares the parameters
  for (size_t i = 0; i < 3; ++i) copy->vectors_[i] = converged(weights_[i], vectors_[i]);
  return copy;
}

ResidualLayer::Kernels ResidualLayer::bounded() const {
  Kernels kernels;
  for (size_t i = 0; i < 3; ++i)
    kernels[i] = spectrally_bounded(weights_[i], vectors_[i], options_.lipschitz);
  return kernels;
}

at::Tensor ResidualLayer::branch(const at::Tensor& x, const Kernels& kernels) const {
  const auto type = x.scalar_type();
  at::Tensor h = x;
  for (size_t i = 0; i < 3; ++i) {
    h = at::conv2d(h, kernels[i].to(type), biases_[i].to(type), 1, kernels[i].size(2) / 2);
    if (i == 2) break;
    const at::Tensor frequency = log_frequencies_[i].exp().to(type).view({1, -1, 1, 1});
    h = (frequency * h).sin() / frequency;
  }
  return h;
}

}  // namespace ornstein::nonlinear_flow
