// Estimators of the conditional score grad_x log p(x_t | y). Batzolis, Stanczuk, Schoenlieb &
// Etmann 2021, arXiv:2111.13606. x_t = x + sigma_x e is diffused; with it, at a level sigma_y of
// its own (non-uniform diffusion), the condition y_t = y + sigma_y e':
//
//   cde      sigma_y = 0             consistent: the loss's minimiser is the conditional score
//   cdiffe   sigma_y = sigma_x       the joint score of (x, y); its x block is grad log p(x_t|y_t)
//   cmde     the clock of a VE process that ends at sigma_max_y:
//              sigma_y = sigma_min (sigma_max_y/sigma_min)^t where sigma_x = sigma_min
//              (sigma_max/sigma_min)^t,  t clamped to [0, 1]
//   vs_cmde  cmde whose end falls from sigma_max at step 0 to sigma_max_y at anneal_steps, linearly
//            in 1/sigma (the rate of their code), and then stays
//
// But for cde the score of p(x_t | y_t) stands for that of p(x_t | y): the mean squared error is
// E|grad log p(x_t|y)|^2 - E|grad log p(x_t|y_t)|^2, and vanishes as sigma_y -> 0.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/config/config_reader.h"

namespace ornstein::conditional {

enum class EstimatorKind { cde, cdiffe, cmde, vs_cmde };

struct Estimator {
  EstimatorKind kind = EstimatorKind::cmde;
  double sigma_min = 0.01, sigma_max = 40;  // of x
  double sigma_max_y = 0.5;                 // reached at the end
  int64_t anneal_steps = 1000;              // of vs_cmde

  bool noises_condition() const { return kind != EstimatorKind::cde; }
  bool anneals() const { return kind == EstimatorKind::vs_cmde; }

  // As it is at a step of training: sigma_max_y is that step's.
  Estimator at_step(int64_t number) const;

  // sigma_x [B] > 0 -> sigma_y [B].
  at::Tensor condition_sigma(const at::Tensor& sigma) const;

  // The weight of y's block beside x's 1, for errors of the noise: the ratio of the likelihood
  // weights, (g_y^2/sigma_y^2)/(g_x^2/sigma_x^2) = dlog sigma_y/dlog sigma_x. 0 for cde.
  double condition_weight() const;
};

// Reads `estimator`, of cmde and vs_cmde `sigma_max_y`, of vs_cmde `anneal_steps`; x's levels are
// the diffusion's.
Estimator read_estimator(const ConfigReader& trainer, double sigma_min, double sigma_max);

}  // namespace ornstein::conditional
