// Diffusion of standardised data (variance 1 per dimension), as a `trainer` section describes it:
// which noise levels are trained, what the network predicts, how samples and likelihoods come of
// it.
//
//   key            default             meaning
//   path           "edm"               or "vp", "ou", "log_snr", "ve": whose levels are trained
//   prediction     "edm", else "noise" "noise", "x0", "v" or "edm" (prediction.h)
//   P_mean, P_std  -0.5, 1.3           edm: log sigma ~ N(P_mean, P_std^2). The others are trained
//                                      uniformly in t, but ou at t = 5 u^2 with u uniform
//   times          "uniform"           vp: or "importance", t of density g^2/sigma_t^2, for which
//                                      the noise loss is the likelihood's (noise_levels.h)
//   sampler        "heun"              or "euler", "ddim", "ancestral"; ancestral is the default of
//                                      vp, ou and log_snr
//   variance       "large"             or "small": ancestral's
//   grid           "karras"            or "uniform", "quadratic" in t: uniform is the default of
//                                      log_snr, and of ddim and ancestral on vp and ou
//   steps          18                  of the sampler; heun evaluates 2 steps - 1 times
//   sigma_min, sigma_max, rho  0.002, 80, 7   of the karras grid and of ve; the likelihood's ends
//   nll_steps      40                  RK4 steps of the likelihood
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "framework/config/config_reader.h"
#include "framework/diffusion/denoiser.h"
#include "framework/diffusion/likelihood.h"
#include "framework/diffusion/samplers.h"

namespace ornstein {

struct Sampler {
  std::string name;
  ReverseVariance variance = ReverseVariance::large;  // ancestral's
  int64_t steps = 0;                                  // the default number

  // samplers.h
  at::Tensor run(const Denoiser& denoiser, const at::Tensor& y, const at::Tensor& sigmas,
                 at::Generator& generator, const NoiseSource& noise = white_noise) const;

  // Of n steps.
  int64_t evaluations(int64_t n) const { return name == "heun" ? 2 * n - 1 : n; }
};

// Reads `sampler`, `variance` and `steps`.
Sampler read_sampler(const ConfigReader& trainer, const std::string& default_name,
                     const std::string& default_variance = "large");

struct StandardDiffusion {
  Prediction prediction = Prediction::edm;
  std::function<at::Tensor(const at::Tensor& u)> training_sigmas;  // u [B] in [0, 1] -> [B], rising
  std::function<at::Tensor(int64_t steps)> sampling_sigmas;        // -> [steps + 1], ends in 0
  Sampler sampler;
  LikelihoodGrid likelihood;

  // Denoising loss of each row (losses.h), [B], for rows first_row.. of a batch of global_rows,
  // over which the noise levels are stratified: lowest noise first. x0 [B, ...] standardised.
  at::Tensor loss(const DiffusionNetwork& network, const at::Tensor& x0, int64_t first_row,
                  int64_t global_rows, at::Generator& generator) const;

  // Samples of shape [B, ...], standardised, float32 on the generator's device. `temperature`
  // scales the noise that the sampler starts from: 1 is the model's own law, less is smoother.
  at::Tensor sample(const DiffusionNetwork& network, at::IntArrayRef shape, int64_t steps,
                    double temperature, at::Generator& generator) const;

  // Nats of each row, [B] float64: exact divergence, or Hutchinson's with signs from `generator`.
  at::Tensor log_likelihood(const DiffusionNetwork& network, const at::Tensor& x0,
                            at::Generator* generator) const;
};

// Defaults that a trainer may choose otherwise than the table above.
struct DiffusionDefaults {
  std::string prediction = {};  // empty: the table's
  std::string variance = "large";
};

// `paths`: those the trainer allows, the default first.
StandardDiffusion read_standard_diffusion(const ConfigReader& trainer,
                                          const std::vector<std::string>& paths,
                                          const std::string& default_times = "uniform",
                                          const DiffusionDefaults& defaults = {});

}  // namespace ornstein
