// How far two clouds of points are from each other, with the definitions of PointFlow (Yang et al.
// 2019, arXiv:1906.12320, sec. 5.1, and its evaluation code):
//   Chamfer          CD(x, y)  = mean_i min_j |x_i - y_j|^2 + mean_j min_i |x_i - y_j|^2
//   earth mover's    EMD(x, y) = (1/P) min_pi sum_i |x_i - y_pi(i)|,   pi a permutation of P points
// Where we differ: EMD is the minimum, by LEMON's network simplex, and no approximate matching;
// distances are taken in float64 from differences, so that none is negative.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/training/trainer.h"

namespace ornstein::point_cloud {

enum class CloudDistance { chamfer, earth_movers };

// Of x [P, D] and y [Q, D], float32 or float64, P and Q > 0; of earth_movers P = Q. Chamfer in the
// points' unit squared, earth_movers in their unit. Costs of the assignment are multiples of 2^-40
// of the largest distance between the clouds: EMD is right to half of that.
double distance(CloudDistance kind, const at::Tensor& x, const at::Tensor& y);

// Matrices of distances, float64, shared out over ranks in blocks of pairs.
// a [n, P, D], b [m, P, D] -> [n, m].
at::Tensor distances_between(CloudDistance kind, const at::Tensor& a, const at::Tensor& b,
                             const ParallelRows& rows);
// a [n, P, D] -> [n, n], symmetric, zeros on the diagonal. n > 1.
at::Tensor distances_within(CloudDistance kind, const at::Tensor& a, const ParallelRows& rows);

// The distances of a[i] and b[i], [n].
at::Tensor distances_of_pairs(CloudDistance kind, const at::Tensor& a, const at::Tensor& b,
                              const ParallelRows& rows);

}  // namespace ornstein::point_cloud
