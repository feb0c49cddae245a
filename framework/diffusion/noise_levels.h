// Which noise levels sigma = sigma_t / alpha_t are trained, and which a sampler visits.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "framework/diffusion/gaussian_path.h"

namespace ornstein {

// Training. Stratified uniforms u_i = (i + U_i)/global_rows over the rows i = first_row ..
// first_row + rows - 1 of the whole global batch, so that every step covers all noise levels evenly
// however the batch is cut (Kingma et al. 2021, arXiv:2107.00630, app. I.1). [rows] float64, in
// [0, 1], on the generator's device.
at::Tensor stratified_uniforms(int64_t first_row, int64_t rows, int64_t global_rows,
                               at::Generator& generator);

// exp(mean + std z) with z the normal quantile of u: Karras et al. 2022's training levels. u [B] in
// [0, 1] -> [B] > 0, u's type.
at::Tensor log_normal_sigmas(const at::Tensor& u, double mean, double std);

// The levels of a path at times uniform in t. u [B] in [0, 1] -> [B] > 0, u's type. Guth et al.
// 2022 train uniform in sqrt(t): pass u^2.
at::Tensor path_sigmas(const GaussianPath& path, const at::Tensor& u);

// The levels of a variance-preserving path at times of density p(t) = (g^2/sigma^2)/Z: log(e^B - 1)
// = 2 log(sigma/alpha) has the derivative g^2/sigma^2, so it is log sigma/alpha that is uniform.
// The expectation of Z/2 |noise error|^2 is then the likelihood's integral 1/2 int g^2/sigma^2
// |noise error|^2 dt (Song et al. 2021, arXiv:2101.09258, app. B.2; Kim et al. 2022,
// arXiv:2205.13699), Z = importance_mass. u [B] in [0, 1] -> [B] > 0, u's type.
at::Tensor importance_sigmas(const GaussianPath& path, const at::Tensor& u);
double importance_mass(const GaussianPath& path);

// Sampling. All grids: [steps + 1] float64 on the CPU, strictly decreasing, the last entry 0.

// (sigma_max^(1/rho) + i/(steps-1) (sigma_min^(1/rho) - sigma_max^(1/rho)))^rho for i < steps, then
// 0. Karras et al. 2022, eq. 5.
at::Tensor karras_grid(int64_t steps, double sigma_min, double sigma_max, double rho = 7);

// The path's levels at t = t_max (1 - i/steps), the last replaced by 0: a step from t_max/steps to
// the data.
at::Tensor uniform_time_grid(const GaussianPath& path, int64_t steps);

// sigmas [N+1] with the last entry replaced by 0.
at::Tensor ending_in_data(const at::Tensor& sigmas);

}  // namespace ornstein
