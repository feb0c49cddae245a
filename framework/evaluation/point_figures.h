// What `evaluate` says of samples of points on a space, beside a method's own likelihood.
//
//   energy_distance, energy_p_value: geodesic (two_sample.h), samples against held-out rows.
//
//   mmd_squared, mmd_p_value: by the heat kernel of time tau, the root of tau being a quarter of
//   the median distance of two pooled rows; not of SO(n), n > 3.
//
//   nll_uniform: nats, of the uniform law, where the space is compact: the log volume.
//
//   nll_kernel_density: nats, of held-out rows under the fit to training rows (kernel_density.h),
//   and kernel_density_bandwidth, what it chose, in the distance's unit; not of SO(n), n > 3.
//
//   duplicates: the share of held-out rows that are training rows.
//
// Two-sample tests see at most the first 1,000 rows of each set, and divide them 999 times.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "framework/evaluation/figure.h"
#include "framework/spaces/space.h"

namespace ornstein {

// samples [n, D], held_out [m, D]; train [k, D], or undefined. What needs rows that are not there,
// two of them for tests and for the fit, is left out.
std::vector<Figure> point_figures(const Space& space, const at::Tensor& samples,
                                  const at::Tensor& held_out, const at::Tensor& train);

}  // namespace ornstein
