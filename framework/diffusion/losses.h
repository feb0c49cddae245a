// Denoising score matching in the network's own terms.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "framework/diffusion/denoiser.h"

namespace ornstein {

// What a loss makes of the residuals [B, ...] -> [B].
using RowNorm = std::function<at::Tensor(const at::Tensor& residual)>;

at::Tensor mean_square(const at::Tensor& residual);  // over the row's dimensions

// The norm of F - target at y = x0 + sigma noise, [B]; no further weight. With mean_square, for edm
// this is Karras et al. 2022's weight 1/c_out^2 on |D - x0|^2, whose value is 1 while F = 0 and the
// data's second moment is sigma_data^2; for noise it is Ho et al. 2020's simple loss.
// x0, noise [B, ...] of the network's type, noise as the process has it; sigma > 0 as in
// prediction.h.
at::Tensor denoising_loss(const DiffusionNetwork& network, Prediction prediction, double sigma_data,
                          const at::Tensor& x0, const at::Tensor& noise, const at::Tensor& sigma,
                          const RowNorm& norm = mean_square);

}  // namespace ornstein
