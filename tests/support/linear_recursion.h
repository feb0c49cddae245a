// What samplers do to a Gaussian N(mu, lambda) whose score they know exactly. Each is affine in its
// state: started from N(0, 1) it returns N(gain mu, variance), here computed by iterating the two
// numbers in the variance-preserving coordinates of the papers, apart from the code under test.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace ornstein {

struct AffineLaw {
  at::Tensor gain;      // of the mean, lambda's shape; 1 if the sampler were exact
  at::Tensor variance;  // lambda's shape; lambda if the sampler were exact
};

// Euler-Maruyama for the reverse of dz = -z dt + sqrt(2) dw from time `end`, `steps` equal steps.
AffineLaw reverse_euler_maruyama(const at::Tensor& lambda, int64_t steps, double end = 5);

// DDPM's algorithm 2; alpha_bar[0] = 1 > alpha_bar[1] > ...; variance beta_t if `large`, else
// q(x_s | x_t, x0)'s; no noise in the last step.
AffineLaw reverse_ancestral(const at::Tensor& lambda, const std::vector<double>& alpha_bar,
                            bool large);

}  // namespace ornstein
