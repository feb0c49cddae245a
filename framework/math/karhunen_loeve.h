// The Karhunen-Loeve (Mercer) expansion of a Gaussian field on a domain D,
//   f = sum_k sqrt(lambda_k) xi_k phi_k,   integral over D of k(x, y) phi_k(y) dy = lambda_k phi_k,
// by Nystroem's method: the integral becomes the trapezoid sum w, and lambda, sqrt(w) phi are the
// eigenpairs of sqrt(w) K sqrt(w)^T. It gives the spectral form of the Cameron-Martin norm,
//   sum over the `terms` largest lambda_k of <e, phi_k>^2/lambda_k
// (Kerrigan, Ley and Smyth 2023, arXiv:2212.00886; the spectral loss of its code), finite for
// any e however fine the grid. K has the jitter of framework/math/covariance_factor.h on its
// diagonal, so that with all terms it is e^T K^{-1} e of the same law.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <variant>

#include "framework/math/covariance_factor.h"
#include "framework/math/kernel.h"

namespace ornstein {

// On a grid of at most kMostDensePoints that is a product of axes; ConfigError on others. The cost
// is that of a symmetric eigenproblem, once.
struct KarhunenLoeve {
  at::Tensor eigenvalues;  // lambda [K] float64, falling
  at::Tensor functions;    // phi [K, n(, m)] float64, orthonormal under the weights
  at::Tensor weights;      // w [n(, m)] float64

  static KarhunenLoeve on(const Kernel& kernel, const at::Tensor& coordinates, int64_t terms);
  at::Tensor coefficients(const at::Tensor& f) const;       // <f, phi_k>: [..., n(, m)] -> [..., K]
  at::Tensor expand(const at::Tensor& coefficients) const;  // [..., K] -> [..., n(, m)]
  at::Tensor draw(int64_t rows, at::Generator& generator) const;  // [rows, n(, m)] float32
};

// The spectral form for functions e [B, C, n(, m)] -> [B], channels added, e's type,
// differentiable. On regular periodic grids the phi_k are Fourier modes and nothing dense is made;
// there modes of one eigenvalue count together, so that the norm stays invariant under shifts.
class MercerNorm {
 public:
  static MercerNorm on(const Kernel& kernel, const at::Tensor& coordinates, int64_t terms);
  at::Tensor operator()(const at::Tensor& e) const;

 private:
  // On a torus: what |rfft(e)|^2 is multiplied with, [n/2+1] or [n, m/2+1] float64.
  std::variant<KarhunenLoeve, at::Tensor> basis_;
};

}  // namespace ornstein
