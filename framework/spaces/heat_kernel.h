// The heat kernel p_tau(x | y), the density at x of Brownian motion (generator one half Laplacian)
// that started in y a time tau before. Where it depends on the distance r alone, its score is
//   grad_x log p = pull(r, tau) log_x(y),   pull = -(d log p / dr) / r,
// with pull -> 1/tau as tau -> 0 (Varadhan). Kernels are scalar functions in float64, one row at a
// time, so that a row costs only the regime it lies in.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace ornstein {

struct HeatKernel {
  at::Tensor log_density;  // [b], nats against the space's volume
  at::Tensor score;        // [b, D], tangent at x
};

struct RadialKernel {
  double log_density = 0;
  double pull = 0;
};

// distance [b]; toward [b, D] = log_x(y), both float64; tau [b] or a scalar. Results are float64,
// without a graph.
HeatKernel radial_heat_kernel(const at::Tensor& distance, const at::Tensor& toward,
                              const at::Tensor& tau,
                              const std::function<RadialKernel(double r, double tau)>& kernel);

// tau [b] or scalar -> [b] of x's type and device; positive.
at::Tensor row_times(const at::Tensor& tau, const at::Tensor& x);

}  // namespace ornstein
