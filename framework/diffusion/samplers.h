// Samplers: from noise to data along a decreasing grid of noise levels, on any Denoiser.
//
// The state is y = x_t / alpha_t (denoiser.h) in y's own type: float64 where rounding must not
// show, float32 for speed. The caller draws y [B, ...] at the level sigmas[0]: sqrt(sigmas[0]^2 +
// s^2) N(0, I) is a variance-preserving path's x_T ~ N(0, I) at s = 1; Karras et al. take s = 0.
// sigmas [N+1] (noise_levels.h) fall strictly: N steps. A grid that ends in 0 returns x0 [B, ...];
// one that ends above returns the state at that level, noise included. Non-uniform diffusion:
// sigmas [N+1, ...] with the axes of a row, over which they broadcast; the denoiser is then called
// with levels [B, ...] of as many axes. Nothing is clamped and nothing is averaged over the batch:
// row i depends on row i and its own noise alone. Gradients are off.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <functional>

#include "framework/diffusion/denoiser.h"

namespace ornstein {

// The noise e of a forward process x_t = alpha x_0 + sigma e: a draw of `like`'s shape and type,
// [B, ...], independent rows. The samplers are the same for any Gaussian law of it; the denoiser
// must be that law's.
using NoiseSource = std::function<at::Tensor(const at::Tensor& like, at::Generator& generator)>;

at::Tensor white_noise(const at::Tensor& like, at::Generator& generator);  // N(0, I)

// The variance of DDPM's reverse step: beta_t ("fixed large", exact for white data of unit
// variance) or that of q(x_s | x_t, x0) ("small", exact for a single point).
enum class ReverseVariance { large, small };

// Ho et al. 2020, arXiv:2006.11239, algorithm 2, on any grid of alpha_bar = 1/(1 + sigma^2). The
// last step adds no noise: it returns the denoiser's mean.
at::Tensor sample_ancestral(const Denoiser& denoiser, at::Tensor y, const at::Tensor& sigmas,
                            ReverseVariance variance, at::Generator& generator,
                            const NoiseSource& noise = white_noise);

// Song et al. 2021, arXiv:2010.02502, eq. 12. eta = 0 is sample_euler: deterministic, Euler's
// method for the probability-flow ODE dy/dsigma = (y - D(y, sigma))/sigma. eta = 1 is
// sample_ancestral with `small` variance. One evaluation a step.
at::Tensor sample_ddim(const Denoiser& denoiser, at::Tensor y, const at::Tensor& sigmas, double eta,
                       at::Generator& generator, const NoiseSource& noise = white_noise);
at::Tensor sample_euler(const Denoiser& denoiser, at::Tensor y, const at::Tensor& sigmas);

// Heun's second-order method for the same ODE, the last step Euler: 2N - 1 evaluations. Karras et
// al. 2022, arXiv:2206.00364, algorithm 1.
at::Tensor sample_heun(const Denoiser& denoiser, at::Tensor y, const at::Tensor& sigmas);

}  // namespace ornstein
