// Whether two sets of rows have one law, by a symmetric number d(a, b) for each pair of rows:
//   2 E d(x, y) - E d(x, x') - E d(y, y'),
// estimated without bias (it may be negative), and the permutation test on it: under equal laws any
// division of the pooled rows is as likely as the given one, so the p-value is exact whatever d is.
//
//   d = |x - y|              the energy distance, energy_distance.h
//   d = geodesic distance    the same on a space. Zero for equal laws, and nowhere negative where
//                            the distance is of negative type: Euclidean and hyperbolic spaces,
//                            spheres (not strictly: it is blind to some differences between laws
//                            that antipodes hide; Lyons 2020, arXiv:1905.02863). On tori and
//                            rotations that is not assured.
//   d = -k_tau(x, y)         the squared maximum mean discrepancy (Gretton et al. 2012, JMLR 13,
//                            eq. 3) with the heat kernel p_tau(x | y)/p_tau(x | x), positive
//                            definite on every space: p_tau(x | y) is the integral over z of
//                            p_{tau/2}(x | z) p_{tau/2}(z | y).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "framework/spaces/space.h"

namespace ornstein {

struct TwoSampleTest {
  double distance = 0;  // the estimate, in d's unit
  double p_value = 1;   // (1 + divisions at least as far apart)/(1 + permutations)
};

// pairs [n + m, n + m] float64: d of the pooled rows, n of x first; 0 on the diagonal. n and m
// >= 2.
double two_sample_distance(const at::Tensor& pairs, int64_t n);
// Divisions are drawn by `seed`: the same at every call.
TwoSampleTest permutation_test(const at::Tensor& pairs, int64_t n, int64_t permutations,
                               uint64_t seed = 0);

// x [n, D], y [m, D] on the space.
TwoSampleTest geodesic_energy_test(const Space& space, const at::Tensor& x, const at::Tensor& y,
                                   int64_t permutations, uint64_t seed = 0);
TwoSampleTest mmd_test(const Space& space, const at::Tensor& x, const at::Tensor& y, double tau,
                       int64_t permutations, uint64_t seed = 0);

}  // namespace ornstein
