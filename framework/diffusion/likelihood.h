// Log-likelihood by the probability-flow ODE, in log sigma:
//   dy/dlog sigma = y - D(y, sigma),
//   log p(y(sigma_min)) = log N(y(sigma_max); 0, prior_variance I) + int div(y - D) dlog sigma.
// Song et al. 2021, arXiv:2011.13456, sec. 4.3 and app. D.2; classical RK4, uniform in log sigma. A
// grid that is too coarse makes the likelihood too high: 40 steps, not 10.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/diffusion/denoiser.h"

namespace ornstein {

struct LikelihoodGrid {
  double sigma_min = 0.002;
  double sigma_max = 80;
  int64_t steps = 40;  // four evaluations each
};

// log density [B], nats in the space of x (standardised: add its log-Jacobian), of the data
// smoothed at sigma_min, at the rows x [B, ...]; x's type. prior_variance: sigma_max^2 plus the
// data's variance. With probe [B, ...] of random signs Hutchinson's unbiased divergence (one
// backward pass an evaluation), without it the exact one (as many as a row has dimensions).
at::Tensor ode_log_likelihood(const Denoiser& denoiser, const at::Tensor& x,
                              const LikelihoodGrid& grid, double prior_variance,
                              const at::Tensor& probe = {});

}  // namespace ornstein
