// Functional flow matching along optimal-transport paths (Kerrigan, Migliorini and Smyth 2024,
// arXiv:2305.17209, sec. 4): with xi ~ N(0, C) and s(t) = 1 - (1 - sigma_min) t
//
//   u_t = t u_0 + s(t) xi,     v = u_0 - (1 - sigma_min) xi,     loss |F(u_t, t) - v|^2,
//
// and du/dt = F(u, t) carries N(0, C) at t = 0 to the functions at t = 1, as E[v | u_t] makes the
// marginals those of u_t. t runs from noise to functions here, as in the paper and against the
// convention elsewhere. Where we differ: classical Runge-Kutta with equal steps, so that a sample
// does not depend on those drawn beside it; the paper's solver adapts its step.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/config/config_reader.h"
#include "framework/diffusion/denoiser.h"
#include "framework/diffusion/losses.h"
#include "trainers/function_diffusion/observation.h"

namespace ornstein::function_diffusion {

// The network gets 10 t for a time: its features are made for log sigma, whose range is about that.
struct FlowMatching {
  double sigma_min = 1e-4;
  int64_t steps = 20;  // four evaluations each

  double noise_level(double t) const { return 1 - (1 - sigma_min) * t; }  // s(t)

  // [B]; u0, xi [B, C, n(, m)], t [B] in [0, 1].
  at::Tensor loss(const DiffusionNetwork& network, const at::Tensor& u0, const at::Tensor& xi,
                  const at::Tensor& t, const RowNorm& norm) const;

  // xi [B, C, n(, m)] at t = 0 -> functions at t = 1. `given` may be null.
  at::Tensor sample(const DiffusionNetwork& network, const at::Tensor& xi, int64_t steps,
                    const Observation* given) const;
};

// Reads `sigma_min` and `steps`.
FlowMatching read_flow_matching(const ConfigReader& trainer);

}  // namespace ornstein::function_diffusion
