// The bound on -log p(z) of a diffusion model on a variance-preserving path, cut at t_min = eps:
// the latent part of INDM's (Kim et al. 2022, arXiv:2205.13699; Song et al. 2021, arXiv:2101.09258,
// theorem 3), in nats of a row of d dimensions,
//
//   diffusion  1/2 int_eps^1 g^2/s^2 E|e - e_hat|^2 dt            s, a: sigma and alpha of the path
//   prior      E[-log N(z_1; 0, I)] = (a_1^2 |z|^2 + d s_1^2 + d log 2 pi)/2
//   constant   -1/2 int_eps^1 (g^2 d/s^2 + 2 div f) dt = -d/2 log(s_1^2/s_eps^2)
//   residual   E[-log p(z | z_eps)] - H(z_eps | z) = -d log a_eps,
//
// with the decoder p(z | z_eps) = N(z_eps/a_eps, (s_eps/a_eps)^2). Their sum is the variational
// bound KL(q(z_1|z) || N(0, I)) + diffusion + E[-log p(z | z_eps)] of Kingma et al. 2021,
// arXiv:2107.00630. Without the residual it is the density of nothing: no bound.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "framework/diffusion/denoiser.h"
#include "framework/diffusion/gaussian_path.h"

namespace ornstein::nonlinear_flow {

// Estimate of the diffusion term from one noise level a row, unbiased for levels of
// importance_sigmas (noise_levels.h). z, noise [B, ...] of the network's type; sigma [B], which is
// s/a. [B]. The network predicts noise.
at::Tensor diffusion_term(const DiffusionNetwork& network, const GaussianPath& path,
                          const at::Tensor& z, const at::Tensor& noise, const at::Tensor& sigma);

at::Tensor prior_term(const GaussianPath& path, const at::Tensor& z);  // [B]
double constant_term(const GaussianPath& path, int64_t dimensions);    // of a row
double residual_term(const GaussianPath& path, int64_t dimensions);    // of a row

struct LatentBound {
  at::Tensor diffusion, prior;  // [B]
  double constant = 0, residual = 0;
  at::Tensor total() const { return diffusion + prior + (constant + residual); }
};

// `draws` noise levels a row, stratified within the row. Rows are independent.
LatentBound latent_bound(const DiffusionNetwork& network, const GaussianPath& path,
                         const at::Tensor& z, int64_t draws, at::Generator& generator);

}  // namespace ornstein::nonlinear_flow
