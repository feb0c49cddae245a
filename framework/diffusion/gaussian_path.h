// A Gaussian forward process x_t = alpha(t) x_0 + sigma(t) e, e ~ N(0, I), t from data (t_min) to
// noise (t_max). A value: a new process is a new function that fills the struct.
//
// Dividing by alpha makes every such process y = x_0 + (sigma/alpha) e: same marginals, another
// clock (Karras et al. 2022, arXiv:2206.00364, sec. 2 and app. B). Denoisers, samplers and
// likelihood of this folder know only y and sigma/alpha; a path chooses which ratios are trained
// and visited.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace ornstein {

struct GaussianPath {
  std::function<at::Tensor(const at::Tensor& t)> alpha;        // [B] -> [B]
  std::function<at::Tensor(const at::Tensor& t)> sigma;        // [B] -> [B], same unit as x
  std::function<at::Tensor(const at::Tensor& t)> noise_ratio;  // sigma / alpha, [B] -> [B]
  double t_min = 0, t_max = 1;                                 // where it is trained
};

// Variance preserving, dx = -beta/2 x dt + sqrt(beta) dw, beta(t) = beta_min + t (beta_max -
// beta_min): alpha = exp(-B/2), sigma^2 = 1 - exp(-B), B = int_0^t beta. Song et al. 2021,
// arXiv:2011.13456, eq. 11 and app. C; t in [1e-5, 1].
GaussianPath vp_path(double beta_min = 0.1, double beta_max = 20);

// alpha = 1, sigma = t. Karras et al. 2022.
GaussianPath edm_path(double sigma_min = 0.002, double sigma_max = 80);

// Ornstein-Uhlenbeck, dx = -x dt + sqrt(2) dw: alpha = exp(-t), sigma^2 = 1 - exp(-2t). Guth et al.
// 2022, arXiv:2208.05003, sec. 2; t in [1e-5, end].
GaussianPath ou_path(double end = 5);

// Variance preserving with log-SNR l(t) = log(alpha^2/sigma^2) linear in t, from `max` at t_min to
// `min` at `end`: alpha^2 = sigmoid(l), sigma^2 = sigmoid(-l). Batzolis et al. 2022,
// arXiv:2207.09786, sec. 4 (their SNR-VP process).
GaussianPath log_snr_path(double max = 10, double min = -10, double t_min = 1e-3, double end = 1);

// Variance exploding: alpha = 1, sigma = sigma_min (sigma_max/sigma_min)^t, t in [0, 1]. Song et
// al. 2021, arXiv:2011.13456, eq. 9.
GaussianPath ve_path(double sigma_min, double sigma_max);

}  // namespace ornstein
