// log |det(I + J)| of x -> x + g(x), J = dg/dx of norm below 1, row by row, with its gradient.
//
// Chen et al. 2019, arXiv:1906.02735 (residual flows):
//   value      sum_{k=1..N} c_k (-1)^(k+1)/k v^T J^k v,
//   gradient   w^T (dJ) v  with  w^T = sum_{k=0..N} c_k (-1)^k v^T J^k held fixed (Neumann, eq. 8),
// v a vector of random signs. With N = n + a random tail and c_k = 1/P(N >= k) (Russian roulette)
// both are unbiased. One backward pass a term, and memory that does not grow with N.
//
// Where we differ: the tail is geometric with P(N >= n + m) = L^m, L the bound on |J|. Then
// E sum c_k |term k|^2 = sum L^k/k^2 is finite for each L < 1; with the Poisson tail of some
// implementations 1/P(N >= k) grows like k!, and the variance is infinite.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace ornstein::nonlinear_flow {

// x [B, ...] -> [B, ...]; row b of the result depends on row b of x alone.
using ResidualBranch = std::function<at::Tensor(const at::Tensor& x)>;

struct BranchWithLogDet {
  at::Tensor value;    // g(x), [B, ...]
  at::Tensor log_det;  // [B] nats, x's type
};

// Both carry gradients where the caller's mode has them on; without, they have none.

// By the Jacobian itself: d backward passes and a determinant, d the size of a row.
BranchWithLogDet exact_log_det(const ResidualBranch& g, const at::Tensor& x);

// The sum above with the vectors v = probe [B, ...] and coefficients c_1.. of the terms (c_0 = 1).
BranchWithLogDet estimated_log_det(const ResidualBranch& g, const at::Tensor& x,
                                   const at::Tensor& probe,
                                   const std::vector<double>& coefficients);

// c_1..c_N of the roulette: `kept` ones, then continue^-m for the m-th of a random tail.
std::vector<double> roulette_coefficients(int64_t kept, double continuation,
                                          at::Generator& generator);

}  // namespace ornstein::nonlinear_flow
