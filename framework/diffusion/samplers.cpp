#include "framework/diffusion/samplers.h"

namespace ornstein {
namespace {

std::vector<double> levels(const at::Tensor& sigmas) {
  const at::Tensor s = sigmas.to(at::kCPU, at::kDouble).contiguous();
  TORCH_CHECK(s.dim() == 1 && s.numel() >= 2, "a sampler wants sigmas [N+1], not ", s.sizes());
  std::vector<double> grid(s.const_data_ptr<double>(), s.const_data_ptr<double>() + s.numel());
  const bool falls =
      std::adjacent_find(grid.begin(), grid.end(), std::less_equal<>()) == grid.end();
  TORCH_CHECK(falls && grid.back() == 0, "a sampler's sigmas fall strictly and end in 0");
  return grid;
}

at::Tensor denoised(const Denoiser& denoiser, const at::Tensor& y, double sigma) {
  return denoiser(y, at::full({y.size(0)}, sigma, y.options()));
}

// y' = D + kept (y - D) + noise z from each level to the next: every one-evaluation sampler.
struct Transition {
  double kept, noise;
};

template <class TransitionBetween>
at::Tensor run(const Denoiser& denoiser, at::Tensor y, const at::Tensor& sigmas,
               at::Generator* generator, const TransitionBetween& between) {
  const at::NoGradGuard no_gradients;
  const auto grid = levels(sigmas);
  for (size_t i = 0; i + 1 < grid.size(); ++i) {
    const at::Tensor x0 = denoised(denoiser, y, grid[i]);
    if (grid[i + 1] == 0) return x0;
    const Transition step = between(grid[i], grid[i + 1]);
    y = x0 + step.kept * (y - x0);
    if (step.noise > 0) y = y.add(at::randn(y.sizes(), *generator, y.options()), step.noise);
  }
  return y;
}

}  // namespace

at::Tensor sample_ancestral(const Denoiser& denoiser, at::Tensor y, const at::Tensor& sigmas,
                            ReverseVariance variance, at::Generator& generator) {
  // DDPM's posterior mean and variance, divided by alpha_s and written in sigma = sqrt(1/alpha_bar
  // - 1): beta_t = (sigma^2 - s^2)/(1 + sigma^2), and alpha_s^2 = 1/(1 + s^2).
  return run(denoiser, std::move(y), sigmas, &generator, [variance](double sigma, double s) {
    const double kept = s * s / (sigma * sigma), gap = sigma * sigma - s * s;
    const bool large = variance == ReverseVariance::large;
    return Transition{kept, std::sqrt(gap * (large ? (1 + s * s) / (1 + sigma * sigma) : kept))};
  });
}

at::Tensor sample_ddim(const Denoiser& denoiser, at::Tensor y, const at::Tensor& sigmas, double eta,
                       at::Generator& generator) {
  TORCH_CHECK(0 <= eta && eta <= 1, "sample_ddim wants eta in [0, 1], not ", eta);
  return run(denoiser, std::move(y), sigmas, &generator, [eta](double sigma, double s) {
    const double noise = eta * s * std::sqrt(1 - s * s / (sigma * sigma));
    return Transition{std::sqrt(s * s - noise * noise) / sigma, noise};
  });
}

at::Tensor sample_euler(const Denoiser& denoiser, at::Tensor y, const at::Tensor& sigmas) {
  return run(denoiser, std::move(y), sigmas, nullptr, [](double sigma, double s) {
    return Transition{s / sigma, 0};
  });
}

at::Tensor sample_heun(const Denoiser& denoiser, at::Tensor y, const at::Tensor& sigmas) {
  const at::NoGradGuard no_gradients;
  const auto grid = levels(sigmas);
  for (size_t i = 0; i + 1 < grid.size(); ++i) {
    const double sigma = grid[i], next = grid[i + 1];
    const at::Tensor slope = (y - denoised(denoiser, y, sigma)) / sigma;
    const at::Tensor euler = y.add(slope, next - sigma);
    if (next == 0) return euler;
    const at::Tensor slope_there = (euler - denoised(denoiser, euler, next)) / next;
    y = y.add(slope + slope_there, (next - sigma) / 2);
  }
  return y;
}

}  // namespace ornstein
