// Riemannian flow matching (Chen and Lipman 2024, arXiv:2302.03660, sec. 3.2) where geodesics are
// closed form: with z ~ p_ref
//   x_t = exp_x(t log_x(z)),   loss |v(x_t, t) - dx_t/dt|^2,
// and dx/dt = v carries the data at t = 0 to p_ref at t = 1. Theirs runs from noise to data, with
// kappa(t) = 1 - t.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <functional>

#include "framework/spaces/space.h"

namespace ornstein::riemannian {

// v(x, t) [b, D], tangent at x [b, D]; t [b] in [0, 1].
using VelocityFunction = std::function<at::Tensor(const at::Tensor& x, const at::Tensor& t)>;

// [b], of the rows x [b, D] at the times t [b].
at::Tensor flow_matching_loss(const Space& space, const VelocityFunction& velocity,
                              const at::Tensor& x, const at::Tensor& t, at::Generator& generator);

}  // namespace ornstein::riemannian
