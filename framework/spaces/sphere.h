// The unit sphere S^d of R^D, D = d + 1, with the metric of R^D.
//
//   exp_x(v) = cos|v| x + sin|v| v/|v|,   log_x(y) = (r/sin r) P_x(y - x),   P_x = I - x x^T,
// r by atan2(sin r, cos r): an arc cosine would lose half the digits. Opposite points are a
// distance pi apart in all directions; log takes one. Heat kernel, generator one half Laplacian:
//   p_tau(r) = 1/|S^d| sum_l (2l + d - 1)/(d - 1) C_l^((d-1)/2)(cos r) exp(-l (l + d - 1) tau/2).
// Regimes, in this order, with the largest relative error of p and of the pull for d <= 10, against
// the series in 180 digits:
//   d = 1                              wrapped normal (torus.h)           1e-11    1e-10
//   tau > 0.2/d and p(r) > 1e-7 p(0)   the series, until terms vanish     1e-8     1e-8
//   r > pi - 1/2                       antipodal_kernel (small_time.h)    see below
//   else, p(r) > 1e-7 p(0)             small_time_kernel                  3e-6     2e-7
//   else                               the same                           4e-4     1e-4
// A truncated series is negative, or rounding, far from y: hence the second condition. The
// antipodal form is off by 2e-4 and 5e-4 at d = 2 and 3, 2e-2 and 7e-3 at d = 10; Brownian motion
// comes there in so short a time with a probability below 1e-6.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "framework/spaces/heat_kernel.h"

namespace ornstein {

double log_sphere_volume(int64_t d);  // log |S^d|

RadialKernel sphere_kernel(int64_t d, double r, double tau);

struct Sphere {
  int64_t d = 2;

  std::string name() const { return "sphere"; }
  int64_t dimension() const { return d; }
  int64_t ambient() const { return d + 1; }
  bool compact() const { return true; }
  double log_volume() const { return log_sphere_volume(d); }
  at::Tensor defect(const at::Tensor& x) const;   // | |x| - 1 |
  at::Tensor project(const at::Tensor& x) const;  // x/|x|, the nearest point
  at::Tensor tangent(const at::Tensor& x, const at::Tensor& v) const;
  at::Tensor lowered(const at::Tensor& v) const { return v; }
  at::Tensor frame(const at::Tensor& x) const;  // of a Householder reflection
  int64_t noise_size() const { return d + 1; }
  at::Tensor tangent_from(const at::Tensor& x, const at::Tensor& noise) const {
    return tangent(x, noise);
  }
  at::Tensor exp(const at::Tensor& x, const at::Tensor& v) const;
  at::Tensor log(const at::Tensor& x, const at::Tensor& y) const;
  at::Tensor distance(const at::Tensor& x, const at::Tensor& y) const;
  at::Tensor transport(const at::Tensor& x, const at::Tensor& y, const at::Tensor& v) const;
  at::Tensor reference_sample(int64_t rows, at::Generator& generator,
                              const at::TensorOptions& options) const;
  at::Tensor reference_log_density(const at::Tensor& x) const;
  at::Tensor reference_score(const at::Tensor& x) const;  // 0
  // Up to d = 10 exact, by rejection: proposals are uniform, or exp_x of a Gaussian, which of them
  // is accepted the more often; the density over theirs is largest at x.
  bool draws_exactly() const { return d <= 10; }
  at::Tensor brownian(const at::Tensor& x, const at::Tensor& tau, at::Generator& generator,
                      int64_t steps = 1) const;
  HeatKernel heat_kernel(const at::Tensor& x, const at::Tensor& y, const at::Tensor& tau) const;
};

}  // namespace ornstein
