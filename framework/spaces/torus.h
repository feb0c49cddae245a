// The flat torus T^d: d angles in radians, D = d, kept in (-pi, pi]. Its heat kernel is the product
// of wrapped normals of variance tau, here by one of two series that Poisson's formula makes equal:
//   sum_m N(a + 2 pi m; 0, tau)                          tau <= 1/2, |m| <= 1
//   (1 + 2 sum_l cos(l a) exp(-l^2 tau / 2)) / (2 pi)    tau >= 1/2, l <= 13
// Relative error of density and score below 1e-11 at every angle.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "framework/spaces/heat_kernel.h"

namespace ornstein {

at::Tensor wrapped(const at::Tensor& angle);  // into (-pi, pi], up to rounding

// The wrapped normal's log density at the angle a, |a| <= pi, and its derivative over -a.
RadialKernel circle_kernel(double a, double tau);

struct Torus {
  int64_t d = 1;

  std::string name() const { return "torus"; }
  int64_t dimension() const { return d; }
  int64_t ambient() const { return d; }
  bool compact() const { return true; }
  double log_volume() const;
  at::Tensor defect(const at::Tensor& x) const;  // beyond one turn: such rows are in degrees
  at::Tensor project(const at::Tensor& x) const { return wrapped(x); }
  at::Tensor tangent(const at::Tensor& x, const at::Tensor& v) const { return v; }
  at::Tensor lowered(const at::Tensor& v) const { return v; }
  at::Tensor frame(const at::Tensor& x) const;
  int64_t noise_size() const { return d; }
  at::Tensor tangent_from(const at::Tensor& x, const at::Tensor& noise) const { return noise; }
  at::Tensor exp(const at::Tensor& x, const at::Tensor& v) const { return wrapped(x + v); }
  at::Tensor log(const at::Tensor& x, const at::Tensor& y) const { return wrapped(y - x); }
  at::Tensor distance(const at::Tensor& x, const at::Tensor& y) const;
  at::Tensor transport(const at::Tensor& x, const at::Tensor& y, const at::Tensor& v) const {
    return v;
  }
  at::Tensor reference_sample(int64_t rows, at::Generator& generator,
                              const at::TensorOptions& options) const;
  at::Tensor reference_log_density(const at::Tensor& x) const;
  at::Tensor reference_score(const at::Tensor& x) const;  // 0
  bool draws_exactly() const { return true; }
  at::Tensor brownian(const at::Tensor& x, const at::Tensor& tau, at::Generator& generator,
                      int64_t steps = 1) const;
  HeatKernel heat_kernel(const at::Tensor& x, const at::Tensor& y, const at::Tensor& tau) const;
};

}  // namespace ornstein
