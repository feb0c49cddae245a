// Walks along geodesics, on any space (space.h). A step is x <- exp_x(drift + sqrt(variance) z), z
// isotropic tangent noise of unit variance a direction: Brownian motion in law to first order in
// the step (Jorgensen 1975; De Bortoli et al. 2022, arXiv:2202.02763, algorithm 1). On S^2 a step
// of variance g has E cos r = sum_k (-1)^k g^k 2^k k!/(2k)!.
#pragma once

#include <ATen/Functions.h>
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "framework/spaces/heat_kernel.h"

namespace ornstein {

template <class S>
at::Tensor tangent_noise(const S& space, const at::Tensor& x, at::Generator& generator) {
  return space.tangent_from(x, at::randn({x.size(0), space.noise_size()}, generator, x.options()));
}

// Independent signs [b, noise_size]: the noise of Hutchinson's divergence with the least variance.
template <class S>
at::Tensor random_signs(const S& space, const at::Tensor& x, at::Generator& generator) {
  const at::Tensor coins = at::rand({x.size(0), space.noise_size()}, generator, x.options()) < 0.5;
  return 1 - 2 * coins.to(x.scalar_type());
}

// One step: drift [b, D] tangent (undefined: none), variance [b] or scalar.
template <class S>
at::Tensor walk_step(const S& space, const at::Tensor& x, const at::Tensor& drift,
                     const at::Tensor& variance, at::Generator& generator) {
  const at::Tensor noise =
      tangent_noise(space, x, generator) * row_times(variance, x).sqrt().unsqueeze(1);
  return space.exp(x, drift.defined() ? noise + drift : noise);
}

// Brownian motion for the time tau [b] or scalar, in equal steps.
template <class S>
at::Tensor random_walk(const S& space, at::Tensor x, const at::Tensor& tau, int64_t steps,
                       at::Generator& generator) {
  for (int64_t i = 0; i < steps; ++i)
    x = walk_step(space, x, {}, tau / static_cast<double>(steps), generator);
  return x;
}

}  // namespace ornstein
