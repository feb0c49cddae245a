#include "trainers/nonlinear_flow/latent_bound.h"

#include "framework/diffusion/losses.h"
#include "framework/diffusion/noise_levels.h"

namespace ornstein::nonlinear_flow {
namespace {

double at_time(const std::function<at::Tensor(const at::Tensor&)>& value, double t) {
  return value(at::full({1}, t, at::kDouble)).item<double>();
}

}  // namespace

at::Tensor diffusion_term(const DiffusionNetwork& network, const GaussianPath& path,
                          const at::Tensor& z, const at::Tensor& noise, const at::Tensor& sigma) {
  const double weight = importance_mass(path) / 2 * static_cast<double>(z[0].numel());
  return weight * denoising_loss(network, Prediction::noise, 1, z, noise, sigma);
}

at::Tensor prior_term(const GaussianPath& path, const at::Tensor& z) {
  const double alpha = at_time(path.alpha, path.t_max), sigma = at_time(path.sigma, path.t_max);
  const auto dimensions = static_cast<double>(z[0].numel());
  return alpha * alpha / 2 * z.square().flatten(1).sum(1) +
         dimensions / 2 * (sigma * sigma + std::log(2 * M_PI));
}

double constant_term(const GaussianPath& path, int64_t dimensions) {
  return -static_cast<double>(dimensions) *
         std::log(at_time(path.sigma, path.t_max) / at_time(path.sigma, path.t_min));
}

double residual_term(const GaussianPath& path, int64_t dimensions) {
  return -static_cast<double>(dimensions) * std::log(at_time(path.alpha, path.t_min));
}

LatentBound latent_bound(const DiffusionNetwork& network, const GaussianPath& path,
                         const at::Tensor& z, int64_t draws, at::Generator& generator) {
  const int64_t rows = z.size(0), dimensions = z[0].numel();
  at::Tensor diffusion = at::zeros({rows}, z.options());
  for (int64_t draw = 0; draw < draws; ++draw) {
    const auto options = at::dtype(at::kDouble).device(generator.device());
    const at::Tensor u = (at::rand({rows}, generator, options) + draw) / draws;
    const at::Tensor sigma = importance_sigmas(path, u).to(z.options());
    const at::Tensor noise = at::randn(z.sizes(), generator, z.options());
    diffusion = diffusion + diffusion_term(network, path, z, noise, sigma) / draws;
  }
  return {diffusion, prior_term(path, z), constant_term(path, dimensions),
          residual_term(path, dimensions)};
}

}  // namespace ornstein::nonlinear_flow
