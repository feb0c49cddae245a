// What `evaluate` says of samples of binary rows x in {0, 1}^D, s = 2 x - 1, beside a method's own
// likelihood. With c_ij the mean of s_i s_j over samples, h_ij that over held-out rows, i < j:
//
//   pair_correlation_error    mean |c_ij - h_ij|
//   pair_correlation_largest  largest |c_ij - h_ij| in standard errors, those of equal laws: of the
//                             variance 1 - p^2 of a product of signs, p pooled. P pairs of equal
//                             laws reach about sqrt(2 log P)
//   duplicates                share of held-out rows that are training rows
//   nll_uniform               D log 2 nats
//   nll_independent           nats, of held-out rows under independent numbers, P(x_i = 1) = (k_i +
//                             1/2)/(n + 1) where k_i of n training rows have a 1
//
// There is no kernel density: what a kernel on the corners gains on independent numbers hangs on
// training rows that differ in a few numbers from held-out ones, and of 2^D corners few are so
// near.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "framework/evaluation/figure.h"

namespace ornstein {

// samples [n, D], held_out [m, D]; train [k, D], or undefined: what needs it, or pairs of numbers
// where D is 1, is left out.
std::vector<Figure> binary_figures(const at::Tensor& samples, const at::Tensor& held_out,
                                   const at::Tensor& train);

// E s_i s_j of rows [n, D], [D, D] float64.
at::Tensor pair_correlations(const at::Tensor& rows);

}  // namespace ornstein
