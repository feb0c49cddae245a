// The divergence sum_i df_i/dx_i of a vector field, row by row. Values carry no graph; gradients
// are switched on inside, whatever the caller's mode.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace ornstein {

// x [B, ...] -> [B, ...]; row b of the result depends on row b of x alone.
using VectorField = std::function<at::Tensor(const at::Tensor& x)>;

struct FieldWithDivergence {
  at::Tensor value;       // [B, ...]
  at::Tensor divergence;  // [B]
};

// Exact: d backward passes, d the size of a row.
FieldWithDivergence exact_divergence(const VectorField& field, const at::Tensor& x);

// probe^T (df/dx) probe: unbiased for a probe [B, ...] of independent signs (Rademacher; Hutchinson
// 1990), one backward pass. Along an ODE keep the probe fixed, so that the integrand is smooth.
FieldWithDivergence hutchinson_divergence(const VectorField& field, const at::Tensor& x,
                                          const at::Tensor& probe);

}  // namespace ornstein
