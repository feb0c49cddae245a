#include "framework/diffusion/likelihood.h"

#include "framework/math/divergence.h"
#include "framework/math/ode.h"

namespace ornstein {

at::Tensor ode_log_likelihood(const Denoiser& denoiser, const at::Tensor& x,
                              const LikelihoodGrid& grid, double prior_variance,
                              const at::Tensor& probe) {
  TORCH_CHECK(0 < grid.sigma_min && grid.sigma_min < grid.sigma_max && grid.steps >= 1,
              "ode_log_likelihood wants 0 < sigma_min < sigma_max and steps >= 1");
  const at::NoGradGuard no_gradients;
  const int64_t dimensions = x[0].numel();
  const double first = std::log(grid.sigma_min), last = std::log(grid.sigma_max);
  std::vector<double> times(grid.steps + 1);
  for (int64_t i = 0; i <= grid.steps; ++i) times[i] = first + (last - first) * i / grid.steps;

  // The solver's state: the flattened row, and behind it the divergence gathered so far.
  const auto derivative = [&](double log_sigma, const at::Tensor& state) {
    const at::Tensor y = state.narrow(1, 0, dimensions).reshape(x.sizes());
    const at::Tensor sigma = at::full({x.size(0)}, std::exp(log_sigma), x.options());
    const VectorField field = [&](const at::Tensor& z) { return z - denoiser(z, sigma); };
    const auto [value, divergence] =
        probe.defined() ? hutchinson_divergence(field, y, probe) : exact_divergence(field, y);
    return at::cat({value.flatten(1), divergence.unsqueeze(1)}, 1);
  };
  const at::Tensor start = at::cat({x.flatten(1), at::zeros({x.size(0), 1}, x.options())}, 1);
  const at::Tensor end = integrate_rk4(derivative, start, times);

  const at::Tensor energy = end.narrow(1, 0, dimensions).square().sum(1) / prior_variance;
  const double log_volume = dimensions * std::log(2 * M_PI * prior_variance);
  return end.select(1, dimensions) - (energy + log_volume) / 2;
}

}  // namespace ornstein
