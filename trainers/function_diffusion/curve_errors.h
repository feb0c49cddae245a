// How far the pointwise statistics of samples are from those of data, both functions on one grid
// (the measures of Kerrigan, Migliorini and Smyth 2024, arXiv:2305.17209, sec. 5): mean squared
// differences of the curves
//   mean, variance, skewness, excess kurtosis   against the point, mean over the domain
//   autocorrelation   mean over pairs of Cov(f(x), f(x + lag)), divided by that of lag 0, against
//                     the lag in grid steps, 1 to half the points, along each axis
// channels averaged. Finite sets cost about (variance of the curve)(1/samples + 1/data) each.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "framework/evaluation/figure.h"
#include "framework/math/grid.h"

namespace ornstein::function_diffusion {

// samples [N, C, n(, m)], data [M, C, n(, m)], N and M >= 2, in the data's unit. `mean_error`,
// `variance_error`, `autocorrelation_error`, `skewness_error`, `kurtosis_error`; standard errors by
// leaving out samples, the data taken as they are.
std::vector<Figure> curve_errors(const at::Tensor& samples, const at::Tensor& data,
                                 const Grid& grid);

}  // namespace ornstein::function_diffusion
