// Density estimation by the heat kernel: what a method has to beat that learns a density.
//
//   p(x) = (1 - epsilon)/n sum_i p_tau(x | x_i) + epsilon/volume
//
// over training rows x_i, p_tau the kernel of Brownian motion (heat_kernel.h; a Gaussian where
// flat, nearly von Mises and Fisher's on spheres), epsilon 0 where the space has no volume. Rows
// are left out whose squared distance exceeds the nearest one's by 49 tau: each weighs 2e-11 of it.
//
// Duplicates: where rows repeat, held-out rows lie on training rows, and the likelihood of this (of
// any) density grows without bound as tau falls. Rows that repeat are part of the law that held-out
// rows come from, so the fit leaves one row out and keeps its twins; the standard deviations on
// offer end at 6e-5 of the data's. A fit that takes the smallest has measured that scale and
// not the data: `bandwidth` says where it came to rest.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "framework/evaluation/pairs.h"

namespace ornstein {

class KernelDensity {
 public:
  // centres [n, D], on the space, which has_separable_kernel; 0 <= epsilon <= 1, and 0 unless the
  // space is compact.
  KernelDensity(const Space& space, at::Tensor centres, double tau, double epsilon = 0);

  at::Tensor log_density(const at::Tensor& x) const;  // [b, D] -> [b] float64, nats

  double bandwidth() const { return std::sqrt(kernel_.tau()); }  // a tangent direction's deviation
  double epsilon() const { return epsilon_; }

 private:
  Space space_;
  at::Tensor centres_;
  HeatKernelTable kernel_;
  double epsilon_;
};

// tau and epsilon of the largest mean log density of training rows, each left out in turn (1,000 of
// them, evenly spread over the rows, where there are more). Of tau 30 values a factor 2 apart, from
// 2 s^2 down, s^2 = E r^2/(2 d) of pairs of rows; on hyperbolic spaces of four dimensions and more
// none above 1/4 (hyperbolic.h). Of epsilon 0.01, 0.03, 0.1 and 0.3. At most 20,000 rows are
// centres, evenly spread. train [n, D], n >= 2.
KernelDensity fit_kernel_density(const Space& space, const at::Tensor& train);

}  // namespace ornstein
