// Covariance functions of Gaussian fields, stationary on a line and isotropic in a plane. With r
// the distance in the coordinates' own unit (never in grid steps: refining a grid must not change
// the field), s^2 the variance and l the length,
//   exponential          s^2 exp(-r/l)                               (Matern 1/2)
//   matern               s^2 2^(1-nu)/Gamma(nu) u^nu K_nu(u),  u = sqrt(2 nu) r/l
//   squared_exponential  s^2 exp(-r^2/(2 l^2))
//   white                s^2 where r = 0, else 0: independent noise in each point, which is no
//                        function: its integral's variance falls as 1/n
// Rasmussen and Williams 2006, "Gaussian processes for machine learning", sec. 4.2.1. Matern fields
// lie in the Sobolev spaces H^a, a < nu; half-integer nu up to 5/2 are closed forms, others (up to
// 50) take a Bessel function a value.
//
// On an axis of period L the kernel is the wrapped sum over images, sum_m k(r + m L). By Poisson's
// formula this is the torus' Fourier series with coefficients S(2 pi j/L)/L, S the spectral
// density: the two usual periodic versions are one, on any grid. The variance in a point is then
// that sum at r = 0, which exceeds s^2 by as little as k(L).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ornstein {

struct Kernel {
  std::string name;            // one of kernel_names()
  double variance = 1;         // s^2
  double length = 0.1;         // l, in the coordinates' unit
  double nu = 1.5;             // of matern
  std::vector<double> period;  // one an axis, 0: not periodic; empty: no axis is
};

const std::vector<std::string>& kernel_names();

bool is_exponential(const Kernel& kernel);  // by either of its names

// k at lags x - y, given axis by axis, float64 and broadcast against each other. ConfigError if the
// length exceeds a period.
at::Tensor covariance(const Kernel& kernel, const std::vector<at::Tensor>& lags);

// K [p, q], K_ij = k(x_i - y_j), of points x [p, d_x] and y [q, d_x], float64.
at::Tensor covariance_matrix(const Kernel& kernel, const at::Tensor& x, const at::Tensor& y);

// S(w) at angular frequencies w = |w| >= 0 [...], float64, of the kernel without its period in
// `dimensions` dimensions: k(r) = (2 pi)^-d integral of S(|w|) exp(i w r) dw. Not of white noise.
at::Tensor spectral_density(const Kernel& kernel, int64_t dimensions, const at::Tensor& frequency);

}  // namespace ornstein
