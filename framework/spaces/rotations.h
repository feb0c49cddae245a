// The rotation group SO(n), n >= 2: matrices row by row, D = n^2. The metric is <u, v> = tr(u^T
// v)/2 (for n = 3 lengths are angles and the volume is 8 pi^2; in the Frobenius metric each length
// is sqrt(2) times that). With V = x^T v skew,
//   exp_x(v) = x e^V,  log_x(y) = x log(x^T y),  P_x(v) = (v - x v^T x)/2.
//
// n = 3 is the three-sphere of radius 2 with opposite points made one: exp, log and Brownian motion
// go by unit quaternions, which lose nothing at angles near 0 and pi. Its heat kernel has two
// forms,
//   1/(8 pi^2) sum_l (2l + 1) exp(-l (l + 1) tau/2) sin((l + 1/2) w)/sin(w/2)     tau > 1/2
//   exp(tau/8) (2 pi tau)^(-3/2) sum_m a_m/sin(a_m) exp(-(w + 2 pi m)^2/(2 tau))  tau <= 1/2
// with a_m = w/2 + pi m; l <= 13, m = 0 and -1; relative error below 1e-10 at every angle w.
//
// n > 3: the principal term of the formula of compact groups (Urakawa 1975, Osaka J. Math. 12).
// With t_j the angles of x^T y, both signs and 0 counted, j = 1..n,
//   log p = -r^2/(2 tau) - d/2 log(2 pi tau) + n (n - 1)(n - 2) tau/48
//           + sum_(j<k) log(b/sin b)/2,   b = (t_j + t_k)/2.
// The terms left out are of relative order exp(-2 pi (pi - t)/tau), t the largest angle: about 4e-5
// at t = 2, tau = 0.7, and all of it for long times, where this is not the kernel. log goes by
// square roots and needs angles below pi - 1e-4.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "framework/spaces/heat_kernel.h"

namespace ornstein {

RadialKernel so3_kernel(double angle, double tau);

struct Rotations {
  int64_t n = 3;

  std::string name() const;  // so3, ...
  int64_t dimension() const { return n * (n - 1) / 2; }
  int64_t ambient() const { return n * n; }
  bool compact() const { return true; }
  double log_volume() const;                      // of S^1 x ... x S^(n-1)
  at::Tensor defect(const at::Tensor& x) const;   // |x^T x - 1|, and 2 more for a reflection
  at::Tensor project(const at::Tensor& x) const;  // the nearest rotation, by an SVD; no gradient
  at::Tensor tangent(const at::Tensor& x, const at::Tensor& v) const;
  at::Tensor lowered(const at::Tensor& v) const;
  at::Tensor frame(const at::Tensor& x) const;  // x (E_jk - E_kj), j < k
  int64_t noise_size() const { return dimension(); }
  at::Tensor tangent_from(const at::Tensor& x, const at::Tensor& noise) const;
  at::Tensor exp(const at::Tensor& x, const at::Tensor& v) const;
  at::Tensor log(const at::Tensor& x, const at::Tensor& y) const;
  at::Tensor distance(const at::Tensor& x, const at::Tensor& y) const;
  at::Tensor transport(const at::Tensor& x, const at::Tensor& y, const at::Tensor& v) const;
  at::Tensor reference_sample(int64_t rows, at::Generator& generator,
                              const at::TensorOptions& options) const;
  at::Tensor reference_log_density(const at::Tensor& x) const;
  at::Tensor reference_score(const at::Tensor& x) const;  // 0
  bool draws_exactly() const { return n <= 3; }
  at::Tensor brownian(const at::Tensor& x, const at::Tensor& tau, at::Generator& generator,
                      int64_t steps = 1) const;
  HeatKernel heat_kernel(const at::Tensor& x, const at::Tensor& y, const at::Tensor& tau) const;

 private:
  at::Tensor matrix(const at::Tensor& x) const { return x.reshape({-1, n, n}); }
};

}  // namespace ornstein
