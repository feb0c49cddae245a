// The classical fourth-order Runge-Kutta method on a fixed grid, for dy/dt = f(t, y).
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace ornstein {

using TimeDerivative = std::function<at::Tensor(double t, const at::Tensor& y)>;

// Carries y, given at grid.front(), to grid.back(); four evaluations a step. The grid may run
// either way. The global error falls as the fourth power of the step.
at::Tensor integrate_rk4(const TimeDerivative& f, at::Tensor y, const std::vector<double>& grid);

}  // namespace ornstein
