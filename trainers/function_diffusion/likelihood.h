// The log-likelihood of functions' values on one grid, by the probability-flow ODE. With K = A A^T
// the noise's covariance there, w = A^{-1} y turns y = u_0 + sigma A z into standard diffusion,
// whose denoiser is A^{-1} D(A w, sigma): log p(u_0) = log p(A^{-1} u_0) - log|det A|.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "framework/diffusion/denoiser.h"
#include "framework/diffusion/likelihood.h"
#include "trainers/function_diffusion/function_space.h"

namespace ornstein::function_diffusion {

// log|det A| for one channel. ConfigError for grids whose field has no square factor at hand
// (regular ones of more than 512 points that are not periodic).
double log_determinant(const GaussianField& field);

// [B] nats, against the Lebesgue measure of the values; u0 [B, C, n(, m)] float64, standardised.
// Hutchinson's divergence with signs from `generator`, one set of signs a row.
at::Tensor log_likelihood(const Denoiser& denoiser, const FunctionSpace& space,
                          const at::Tensor& u0, const LikelihoodGrid& grid,
                          at::Generator& generator);

}  // namespace ornstein::function_diffusion
