// Convolution of functions by Fourier coefficients (Li et al. 2021, arXiv:2010.08895, sec. 4):
//   (K v)(x) = Re sum_{|k| <= modes} R_k v_k exp(2 pi i k x / P),
//   v_k = (1/P) int v(y) exp(-2 pi i k y / P) dy,            R_k a complex matrix over channels.
// The coefficients are those of the function, not of the grid ("forward" normalisation).
//   Circle of length L: P = L, points x_0 + j L / n. The sum over points is the integral, exactly,
//     as long as n exceeds twice the modes and v has no frequency above n - modes - 1: the operator
//     is the same on all such grids to round-off.
//   Interval: P = (1 + padding) L; v is continued by zero up to the period, so that K is the
//     integral operator over the interval whose kernel has period P. P does not depend on the grid,
//     as it does where grids are padded by whole points (and then P differs by up to half a
//     spacing, an error of O(h)); the cells of cell_lengths make the error O(h^2).
// Where we differ: coefficients are sums against sines and cosines, as products of matrices, not
// fast transforms (Lingsch et al. 2024, arXiv:2305.19663, compute like this on irregular points).
// The modes are few, and for few this is faster (tools/benchmarks/fourier_operator); it needs no
// complex autograd on the grid and no padded points, and takes any P. Real v: of axis 0 only
// frequencies k_0 >= 0 are kept.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <vector>

#include "framework/nn/function_domain.h"

namespace ornstein {

// One axis of a regular grid. Phases count from its first point: both transforms agree on that.
struct RegularAxis {
  int64_t points = 0;
  double step = 0;  // spacing / P, negative on descending grids; +-1 / points on a circle
  bool circle = false;
  at::Tensor weights;  // [points], float64: cells / P
};

// x [n], float64. ConfigError for irregular spacing, a circle that is not covered exactly once (by
// x_0 + j L / n: the last point is not the first again), and an interval that is left by more than
// half the padding.
RegularAxis regular_axis(const at::Tensor& x, const DomainAxis& axis, double padding);

// The period P of the Fourier series on this axis.
double period_of(const DomainAxis& axis, double padding);

// Both transforms of a grid; [K = modes + 1] frequencies of axis 0, [2 modes + 1] of axis 1.
struct FourierBasis {
  at::Tensor analysis;     // [2 K, n] real: real parts, then imaginary ones
  at::Tensor synthesis;    // [n, 2 K]
  at::Tensor analysis_1;   // [2 modes_1 + 1, m] complex, from -modes_1 on; undefined in 1-D
  at::Tensor synthesis_1;  // [m, 2 modes_1 + 1]
};

// float32 or float64 by `options`. ConfigError where an axis cannot resolve its modes.
FourierBasis fourier_basis(const std::vector<RegularAxis>& axes, const std::vector<int64_t>& modes,
                           const at::TensorOptions& options);

class SpectralConvolution : public torch::nn::Module {
 public:
  SpectralConvolution(int64_t in_channels, int64_t out_channels, const std::vector<int64_t>& modes);

  // v [B, n(, m), in_channels] -> bypass + K v, where bypass is [B, n(, m), out_channels].
  at::Tensor forward(const at::Tensor& v, const at::Tensor& bypass, const FourierBasis& basis);

 private:
  // [modes_0 + 1(, 2 modes_1 + 1), in_channels, out_channels, 2], real and imaginary parts of R
  at::Tensor weight_;
};

}  // namespace ornstein
