// Flows dx/dt = V(t, x) on a space, V tangent, with the integral of a rate along them (for a
// probability-flow ODE that of div V: d log p/dt = -div V).
//
// Two kinds of step: along geodesics, x <- exp_x(h V); and in ambient coordinates, a Runge-Kutta
// step for the field V(t, project(x)), which keeps the space, followed by one projection (Hairer,
// Lubich and Wanner 2006, "Geometric numerical integration", sec. IV.4): the method's order holds.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

#include "framework/math/divergence.h"
#include "framework/spaces/space.h"

namespace ornstein {

// V(t, x) [b, D] tangent at x, and the rate [b], which may be undefined.
using Flow = std::function<FieldWithDivergence(double t, const at::Tensor& x)>;

// Heun's, second order: the slope at the end is carried back to the start.
at::Tensor geodesic_heun_step(const Space& space, const Flow& flow, double t, const at::Tensor& x,
                              double h);

struct ProjectedStep {
  at::Tensor x;              // [b, D], at t + h
  at::Tensor integral;       // [b], of the rate over the step; undefined where the rate is
  at::Tensor error;          // [b], of x in the metric and of the integral, the larger
  FieldWithDivergence last;  // the field at t + h: the next step's first
};

// Dormand and Prince 1980, order 5 with an error estimate of order 4: six evaluations.
ProjectedStep projected_step(const Space& space, const Flow& flow, double t, const at::Tensor& x,
                             double h, const FieldWithDivergence& first);

struct FlowEnd {
  at::Tensor x;
  at::Tensor integral;
  int64_t evaluations = 0;
};

// From t0 to t1, either way, in steps whose error is at most `tolerance` in every row: the step is
// common to the rows. Throws Error where the field is not finite or steps would become nothing.
FlowEnd integrate_flow(const Space& space, const Flow& flow, const at::Tensor& x, double t0,
                       double t1, double tolerance = 1e-5);

}  // namespace ornstein
