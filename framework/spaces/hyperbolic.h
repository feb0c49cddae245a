// Hyperbolic space H^d as the upper sheet of the hyperboloid <x, x> = -1, in the form
// <u, v> = -u_0 v_0 + u_1 v_1 + ..., D = d + 1, the time coordinate x_0 first.
//
//   exp_x(v) = cosh|v| x + sinh|v| v/|v|,   log_x(y) = (r/sinh r) P_x(y - x),
//   P_x v = v + <x, v> x,                   sinh(r/2)^2 = <y - x, y - x>/4.
//
// Coordinates grow as e^r and cancel in the form. So x_0 is taken from the others throughout, and
// geometry is computed in float64 whatever the rows' type. Float32 rows are good to about 1e-7 e^r
// at the distance r from the origin (1, 0, ..., 0).
//
// Heat kernel, generator one half Laplacian (Grigoryan and Noguchi 1998, Bull. LMS 30):
//   d = 1     N(r; 0, tau)                                                              exact
//   d = 2     sqrt(2) exp(-tau/8) (2 pi tau)^(-3/2) int_r^inf s exp(-s^2/(2 tau))
//               / sqrt(cosh s - cosh r) ds,    s^2 = r^2 + 2 tau y^2, 40 Gauss-Hermite points in y;
//             tau < 0.01: small_time_kernel. Relative error below 1e-9 for tau <= 3, 3e-8 for 10
//   d = 3     (2 pi tau)^(-3/2) r/sinh r exp(-tau/2 - r^2/(2 tau))                      exact
//   d >= 4    small_time_kernel (small_time.h), of error O(tau^3), largest at r = 0;
//             of log p and pull, in this order,
//             d = 4: 5e-5 and 5e-6 for tau <= 1/4, 3e-3 and 8e-4 for tau <= 1;
//             d = 5: 2e-4 and 2e-5 for tau <= 1/4, 1e-2 and 3e-3 for tau <= 1
//
// Brownian motion is drawn exactly for d <= 3, r being the length of a Gaussian vector of R^3:
//   d = 3     r = |g|,  g ~ N((tau, 0, 0), tau I)
//   d = 2     s = |g|,  g ~ N((tau/2, 0, 0), tau I);  sinh(r/2)^2 = (1 - U^2) sinh(s/2)^2
// with U uniform on (0, 1): our reading of the two formulas above.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "framework/spaces/heat_kernel.h"

namespace ornstein {

RadialKernel hyperbolic_kernel(int64_t d, double r, double tau);

struct Hyperbolic {
  int64_t d = 2;
  double reference_std = 1;

  std::string name() const { return "hyperbolic"; }
  int64_t dimension() const { return d; }
  int64_t ambient() const { return d + 1; }
  bool compact() const { return false; }
  double log_volume() const;
  at::Tensor defect(const at::Tensor& x) const;  // of x_0, relative
  // Keeps x_1.. and takes x_0 from them: not the nearest point, but a smooth retraction which
  // leaves the space's points alone, and which rounding cannot spoil far from the origin.
  at::Tensor project(const at::Tensor& x) const;
  at::Tensor tangent(const at::Tensor& x, const at::Tensor& v) const;
  at::Tensor lowered(const at::Tensor& v) const;  // (-v_0, v_1, ...)
  at::Tensor frame(const at::Tensor& x) const;    // the boost's columns
  int64_t noise_size() const { return d; }
  at::Tensor tangent_from(const at::Tensor& x, const at::Tensor& noise) const;
  at::Tensor exp(const at::Tensor& x, const at::Tensor& v) const;
  at::Tensor log(const at::Tensor& x, const at::Tensor& y) const;
  at::Tensor distance(const at::Tensor& x, const at::Tensor& y) const;
  at::Tensor transport(const at::Tensor& x, const at::Tensor& y, const at::Tensor& v) const;
  // Wrapped normal about the origin (Nagano et al. 2019, arXiv:1902.02992): log N(v; 0, s^2 I) - (d
  // - 1) log(sinh r/r), v = log_o(x).
  at::Tensor reference_sample(int64_t rows, at::Generator& generator,
                              const at::TensorOptions& options) const;
  at::Tensor reference_log_density(const at::Tensor& x) const;
  at::Tensor reference_score(const at::Tensor& x) const;
  bool draws_exactly() const { return d <= 3; }
  at::Tensor brownian(const at::Tensor& x, const at::Tensor& tau, at::Generator& generator,
                      int64_t steps = 1) const;
  HeatKernel heat_kernel(const at::Tensor& x, const at::Tensor& y, const at::Tensor& tau) const;

 private:
  at::Tensor origin(const at::Tensor& like) const;  // [1, D]
};

}  // namespace ornstein
