// Denoising score matching in the network's own terms.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/diffusion/denoiser.h"

namespace ornstein {

// mean over the row's dimensions of (F - target)^2 at y = x0 + sigma noise, [B]; no further weight.
// For edm this is Karras et al. 2022's weight 1/c_out^2 on |D - x0|^2, whose value is 1 while F = 0
// and the data's second moment is sigma_data^2; for noise it is Ho et al. 2020's simple loss.
// x0, noise [B, ...] of the network's type, noise ~ N(0, I); sigma > 0 as in prediction.h.
at::Tensor denoising_loss(const DiffusionNetwork& network, Prediction prediction, double sigma_data,
                          const at::Tensor& x0, const at::Tensor& noise, const at::Tensor& sigma);

}  // namespace ornstein
