// The pair (x, y) diffused together, each block at its own level: Batzolis et al. 2021,
// arXiv:2111.13606. The network sees c_in z_t of z = [x, U y] (task.h) with levels [B, Cx+Cy, 1, 1]
// and log sigma_x; it has Cx outputs, or Cx + Cy when it estimates y's block too. As a sampler
// needs only the x block, y_t is drawn beside it at each level.
#pragma once

#include "framework/diffusion/denoiser.h"
#include "framework/nn/network.h"
#include "trainers/conditional/estimator.h"
#include "trainers/conditional/task.h"

namespace ornstein::conditional {

// `network` as the joint diffusion calls it: input [B, Cx+Cy, H, W], log sigma_x [B]; the mask goes
// in beside them as it is. labels [B], or undefined. `network` must outlive the result.
DiffusionNetwork bind(const Network& network, const Observation& observation,
                      const at::Tensor& labels);

struct BlockLosses {
  at::Tensor x;  // [B], mean of (F - target)^2 over x's numbers, each block in prediction.h's terms
  at::Tensor y;  // [B], the sum of the same over y's numbers, divided by the number of x's; 0 when
                 // the network does not estimate them
};

// x0, noise_x [B, Cx, H, W]; noise_y [B, Cy, H, W] as Task::noise draws it; sigma_x, sigma_y [B].
BlockLosses joint_loss(const DiffusionNetwork& network, Prediction prediction, const at::Tensor& x0,
                       const Observation& observation, const at::Tensor& noise_x,
                       const at::Tensor& noise_y, const at::Tensor& sigma_x,
                       const at::Tensor& sigma_y);

// Returns y_t [B, Cy, H, W] at a level sigma_y [B].
using ConditionAt = std::function<at::Tensor(const at::Tensor& sigma_y)>;

// y_t afresh at every call: y + sigma_y e.
ConditionAt fresh_condition(const at::Tensor& y, std::function<at::Tensor()> draw_noise);

// y_t along one path of the VE process, levels falling: y_s given y_t and y is Gaussian with mean
// y + (s^2/t^2)(y_t - y) and variance s^2 (t^2 - s^2)/t^2. A level twice is the same y_t. The path
// begins at the first call; copies share it.
ConditionAt condition_path(const at::Tensor& y, std::function<at::Tensor()> draw_noise);

// The x block as a network of x alone, to be sampled or made a denoiser: D(x_t, sigma_x) =
// E[x | x_t, y_t].
DiffusionNetwork x_block(const DiffusionNetwork& joint, const Estimator& estimator,
                         const ConditionAt& condition);

}  // namespace ornstein::conditional
