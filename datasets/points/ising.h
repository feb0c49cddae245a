// The Ising model on a small torus, drawn exactly.
//
//   p(s) = exp(beta sum_<ab> s_a s_b)/Z,  s in {-1, 1}^(k x k), <ab> all 2 k^2 neighbours
//
// Rows of the lattice form a chain with the transfer matrix T(r, r') = exp(beta (E(r)/2 + E(r')/2 +
// <r, r'>)) on 2^k states: Z = tr T^k, and rows are drawn one after the other given the first and
// the one before (Kramers and Wannier 1941). No Markov chain, no burn-in.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "datasets/points/twins.h"

namespace ornstein::points {

inline constexpr int64_t kLeastIsing = 3, kMostIsing = 8;  // k
inline constexpr int64_t kIsingSize = 3;                   // where nothing else is asked for
inline constexpr double kIsingBeta = 0.3;

// Binary rows x = (s + 1)/2, [rows, k k], row by row; the log density is the log probability.
Twin ising(int64_t size, double beta);

// E s_a s_b of all pairs of sites, [k k, k k] float64; E s_a = 0.
at::Tensor ising_correlations(int64_t size, double beta);

}  // namespace ornstein::points
