// The standard error of a statistic of n rows from its n values with one row left out each:
//   se^2 = (n - 1)/n sum_i (theta_(i) - mean theta_(.))^2.      Efron and Stein 1981, eq. 1.3
#pragma once

#include "framework/evaluation/figure.h"

namespace ornstein::function_diffusion {

// left_out [n] float64.
Figure jackknife_figure(const std::string& name, double value, const at::Tensor& left_out,
                        const std::string& unit);

}  // namespace ornstein::function_diffusion
