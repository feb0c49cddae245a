#include "framework/diffusion/denoiser.h"

namespace ornstein {

Denoiser make_denoiser(DiffusionNetwork network, Prediction prediction, double sigma_data) {
  return [=](const at::Tensor& y, const at::Tensor& sigma) {
    const at::Tensor output =
        network(network_input(y, sigma, sigma_data).to(at::kFloat), sigma.log().to(at::kFloat));
    return estimate_from(prediction, output.to(y.scalar_type()), y, sigma, sigma_data).x0;
  };
}

}  // namespace ornstein
