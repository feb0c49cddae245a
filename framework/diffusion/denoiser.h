// D(y, sigma) = E[x0 | x0 + sigma e = y], the one object samplers and likelihoods are written on.
//
// Every Gaussian path reduces to it: y = x_t / alpha_t, sigma = sigma_t / alpha_t
// (gaussian_path.h), every prediction through the table of prediction.h, and conditioning or
// guidance by wrapping.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "framework/diffusion/prediction.h"

namespace ornstein {

// y [B, ...] in the unit of the data, sigma > 0 in the same unit, [B] or broadcasting over y
// (prediction.h) -> [B, ...], y's type.
using Denoiser = std::function<at::Tensor(const at::Tensor& y, const at::Tensor& sigma)>;

// A network as the diffusion sees it, conditions already bound: input [B, ...] of unit variance
// (network_input), log_sigma of sigma's shape -> output [B, ...].
using DiffusionNetwork =
    std::function<at::Tensor(const at::Tensor& input, const at::Tensor& log_sigma)>;

// The denoiser of a trained network. The network is called in float32; y may be float64, and the
// arithmetic around the network then is.
Denoiser make_denoiser(DiffusionNetwork network, Prediction prediction, double sigma_data);

}  // namespace ornstein
