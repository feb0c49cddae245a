// Noise that is a function: the law N(0, C) of a Gaussian field with a trace-class covariance
// operator, seen on one grid. The same kernel on a finer grid gives, at the coarse points, the same
// law: C depends on coordinates in physical units alone (Kerrigan, Ley and Smyth 2023,
// arXiv:2212.00886). With K the kernel's matrix on the grid,
//   draw = K^{1/2} z,   whiten(f) = K^{-1/2} f,   cameron_martin(f) = f^T K^{-1} f = |whiten(f)|^2,
// the last the squared Cameron-Martin norm, which converges as the grid is refined for f in the
// kernel's reproducing-kernel space and grows like n for a draw.
//
// How, by kernel and grid (framework/math/covariance_factor.h):
//   exponential on a line, any spacing   Markov recursion               O(n)
//   regular and periodic on every axis   circulant, real FFTs           O(n log n), memory n
//   up to 512 points                     dense Cholesky                 n^2 a draw
//   regular                              draws by circulant embedding   O(n log n), memory n;
//                                        the rest by dense Cholesky of the same law
//   else                                 dense Cholesky, up to 4096 points; beyond, ConfigError
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "framework/math/covariance_factor.h"
#include "framework/math/kernel.h"

namespace ornstein {

class GaussianField {
 public:
  // Coordinates [n, 1] or [n, m, 2], of any floating type, in the unit of kernel.length. The field
  // lives on their device.
  static GaussianField on(const Kernel& kernel, const at::Tensor& coordinates);

  // [rows, n] or [rows, n, m] float32, independent rows, from float64 factors. The block depends on
  // the generator's state alone. `rows` is rows times channels where a function has several.
  at::Tensor draw(int64_t rows, at::Generator& generator) const;

  // [..., n(, m)] -> the same shape and type, computed in float64; differentiable.
  at::Tensor whiten(const at::Tensor& f) const;
  at::Tensor colour(const at::Tensor& white) const;  // whiten's inverse

  at::Tensor cameron_martin(const at::Tensor& f) const;  // [..., n(, m)] -> [...]

  // What draws come from: tests and benchmarks ask whether it is the one they mean.
  const CovarianceFactor& factor() const { return factor_; }

 private:
  struct OnDemand;
  GaussianField(CovarianceFactor factor, const Kernel& kernel, const at::Tensor& coordinates);
  // f(factor that is square) in float64, cast back to x's type.
  template <class Apply>
  at::Tensor with_square_factor(const at::Tensor& x, const Apply& apply) const;

  CovarianceFactor factor_;
  std::vector<int64_t> points_;  // n(, m)
  at::Device device_;
  std::shared_ptr<OnDemand> dense_;  // where draws come from a larger torus: the same law's factor
};

}  // namespace ornstein
