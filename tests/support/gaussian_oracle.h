// Exact denoisers of Gaussian data and of mixtures, in the coordinates of
// framework/diffusion/denoiser.h. Both convert to a Denoiser. With S = U diag(lambda) U^T,
//   E[x0 | y] = m + U diag(lambda/(lambda + sigma^2)) U^T (y - m),
// so every linear sampler maps each eigenvalue's variance by v <- c^2 v + n: what a test compares
// with, discretisation error included.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <vector>

namespace ornstein {

class GaussianOracle {
 public:
  // mean [d], covariance [d, d] symmetric, eigenvalues >= 0 (0: a single point); float64.
  GaussianOracle(const at::Tensor& mean, const at::Tensor& covariance);

  // y [B, ...] with rows of d numbers, sigma [B] -> [B, ...], y's type.
  at::Tensor operator()(const at::Tensor& y, const at::Tensor& sigma) const;

  // Of the data smoothed by noise sigma: log N(y; m, S + sigma^2 I), [B], nats.
  at::Tensor log_density(const at::Tensor& y, const at::Tensor& sigma) const;

  at::Tensor sample(int64_t rows, at::Generator& generator) const;  // [rows, d], float64

 private:
  at::Tensor mean_, eigenvalues_, eigenvectors_;
};

class MixtureOracle {
 public:
  MixtureOracle(std::vector<double> weights, std::vector<GaussianOracle> components);

  at::Tensor operator()(const at::Tensor& y, const at::Tensor& sigma) const;
  at::Tensor log_density(const at::Tensor& y, const at::Tensor& sigma) const;

 private:
  at::Tensor joint_log_density(const at::Tensor& y, const at::Tensor& sigma) const;  // [B, K]

  std::vector<double> weights_;
  std::vector<GaussianOracle> components_;
};

}  // namespace ornstein
