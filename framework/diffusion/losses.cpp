#include "framework/diffusion/losses.h"

namespace ornstein {

at::Tensor mean_square(const at::Tensor& residual) { return residual.square().flatten(1).mean(1); }

at::Tensor denoising_loss(const DiffusionNetwork& network, Prediction prediction, double sigma_data,
                          const at::Tensor& x0, const at::Tensor& noise, const at::Tensor& sigma,
                          const RowNorm& norm) {
  const at::Tensor y = x0 + per_row(sigma, x0) * noise;
  const at::Tensor output = network(network_input(y, sigma, sigma_data), sigma.log());
  const at::Tensor target = regression_target(prediction, x0, noise, sigma, sigma_data);
  TORCH_CHECK(output.sizes() == target.sizes(), "denoising_loss: the network returned ",
              output.sizes(), " for ", target.sizes());
  return norm(output - target);
}

}  // namespace ornstein
