// The symmetric walk on {0, delta, ..., 1}, delta = 1/(2 m), from 1/2 until it is absorbed at 0 or
// 1: Brownian motion seen where it leaves (z - delta, z + delta). A step takes a time of delta^2 on
// the mean, so that E tau = m^2 steps = 1/4.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ornstein::first_hitting {

// Of D independent walks, at the steps k = 0, 1, ... up to where one is alive with a probability
// below 1e-12. float64.
struct LatticeWalk {
  at::Tensor survival;    // [K], a walk is alive
  at::Tensor cumulative;  // [K, 2 m + 1], of the place of a walk that is alive
  at::Tensor moment;      // [K], distribution of k at which the state is seen: proportional to the
                          // probability that some walk is alive; cumulative, ends with 1
  double steps = 0;       // E steps until the last walk is absorbed
};

LatticeWalk lattice_walk(int64_t m, int64_t dimension);

}  // namespace ornstein::first_hitting
