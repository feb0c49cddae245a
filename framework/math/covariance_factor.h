// Factors A of covariance matrices, K = A A^T: `colour` is A z, `whiten` A^{-1} f, both along the
// last axes of [..., n(, m)], in the argument's type, differentiable. Values made by `on` are
// float64 and of the coordinates' device.
//
// K here is the kernel's matrix plus `jitter` on the diagonal (Markov and white factors need none),
// in every factor alike: noise of that variance in each point. Kernels as smooth as the squared
// exponential are singular to rounding without it, and an inverse with another jitter than the
// draws' would not whiten them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "framework/math/grid.h"
#include "framework/math/kernel.h"

namespace ornstein {

inline constexpr double kJitter = 1e-10;  // of the variance in a point
// A dense factor's memory is n^2, its making n^3: about 130 MB and seconds at this size.
inline constexpr int64_t kMostDensePoints = 4096;

struct WhiteFactor {
  double deviation = 1;

  at::Tensor colour(const at::Tensor& z) const { return z * deviation; }
  at::Tensor whiten(const at::Tensor& f) const { return f / deviation; }
};

// The exponential kernel on a line is Markov: with gaps h_j between sorted points of any spacing
//   f_j = a_j f_{j-1} + b_j z_j,   a_j = exp(-h_j/l),   b_j = s sqrt(1 - a_j^2),
// exactly. O(n) work: whitening is one difference, colouring a recursion by cyclic reduction.
struct MarkovFactor {
  at::Tensor decay;       // a [n], 0 at the first point
  at::Tensor innovation;  // b [n], s at the first point

  static MarkovFactor on(const Kernel& kernel, const Axis& line);
  at::Tensor colour(const at::Tensor& z) const;
  at::Tensor whiten(const at::Tensor& f) const;
};

// Any points. Jitter is raised tenfold until the decomposition succeeds, at most to 1e-6.
struct CholeskyFactor {
  at::Tensor lower;             // [N, N], N all points
  std::vector<int64_t> points;  // n(, m)
  double jitter = 0;            // absolute

  // ConfigError beyond kMostDensePoints.
  static CholeskyFactor on(const Kernel& kernel, const at::Tensor& coordinates);
  at::Tensor colour(const at::Tensor& z) const;
  at::Tensor whiten(const at::Tensor& f) const;
};

// A regular grid as a part of a regular torus, on which K is diagonal in the Fourier basis; A is
// the symmetric root there (Dietrich and Newsam 1997; Wood and Chan 1994). A periodic axis is its
// own torus. Any other is continued as an even function, and the torus enlarged until no eigenvalue
// is below minus the jitter (1e-10 of the variance): with the jitter added none is negative,
// nothing is cut off, and the draws' covariance on the grid is K to rounding.
struct CirculantFactor {
  at::Tensor eigenvalues;       // of the torus, [M/2+1] or [M, M'/2+1], the half of a real FFT
  std::vector<int64_t> points;  // n(, m)
  std::vector<int64_t> torus;   // M(, M'), at least the points
  double jitter = 0;            // absolute

  // None if the grid is not regular, or no torus of at most 64 times its points will do.
  static std::optional<CirculantFactor> on(const Kernel& kernel, const Grid& grid);

  bool closed() const { return torus == points; }  // the grid is the whole torus
  at::Tensor colour(const at::Tensor& z) const;    // [..., M(, M')] -> [..., n(, m)]
  at::Tensor whiten(const at::Tensor& f) const;    // of closed grids only

 private:
  at::Tensor filtered(const at::Tensor& x, const at::Tensor& gain) const;
};

using CovarianceFactor = std::variant<WhiteFactor, MarkovFactor, CholeskyFactor, CirculantFactor>;

}  // namespace ornstein
