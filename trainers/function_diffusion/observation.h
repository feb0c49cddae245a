// Functions of which some values are known, u_0(x_c) = y_c at points x_c of the grid (the same for
// all rows of a call): samples of p(u_0 | y_c) from a model of p(u_0). A sampler's estimate
// u0hat = E[u_0 | u] at the state u = alpha u_0 + sigma xi is replaced by E[u_0 | u, y_c],
//
//   u0hat + P(., x_c) P(x_c, x_c)^{-1} (y_c - u0hat(x_c)),   P = Cov[u_0 | u] ~ C J^T,
//
// J the estimate's derivative with respect to the state (Tweedie's second order; a factor of P does
// not matter). So the state keeps its own noise, at the same level as everywhere else:
//
//   replacement  P taken to be C: the correction is the smallest in the Cameron-Martin norm
//   guided       P a = y_c - u0hat(x_c) by `iterations` of conjugate gradients preconditioned with
//                C(x_c, x_c), one backward pass each; then as replacement, so that values are met.
//                Exact for Gaussian functions after as many iterations as there are values
//
// Kerrigan, Ley and Smyth 2023 (arXiv:2212.00886, sec. 5) overwrite the state at x_c by noisy
// values. Where we differ: with white noise `replacement` is that, but with the state's own noise
// at the state's own level (their code takes fresh noise, of the level before); between the points
// the correction is spread by C, without which a network that integrates would hardly see a few
// points, and the curve would have spikes there. `guided` follows Rozet et al. 2024
// (arXiv:2405.13712, sec. 4.2), with C for the identity.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "trainers/function_diffusion/function_space.h"

namespace ornstein::function_diffusion {

struct Guidance {
  bool guided = false;
  int64_t iterations = 2;
};

// Reads `conditioning` and, of guided, `guidance_iterations`.
Guidance read_guidance(const ConfigReader& trainer);

class Observation {
 public:
  // values [B, C, n(, m)], standardised; mask [B, n(, m)], the same in all rows and true somewhere.
  // `space` must outlive it.
  Observation(const FunctionSpace& space, const Guidance& guidance, const at::Tensor& values,
              const at::Tensor& mask);

  // The state [B, C, n(, m)] -> u0hat of the same shape.
  using Estimate = std::function<at::Tensor(const at::Tensor& state)>;
  at::Tensor corrected(const Estimate& estimate, const at::Tensor& state) const;

  // f, changed by the function of least Cameron-Martin norm that makes it meet the values.
  at::Tensor met_by(const at::Tensor& f) const;

 private:
  at::Tensor at_points(const at::Tensor& f) const;  // [B, C, n(, m)] -> [B, C, points], float64
  at::Tensor conjugate_gradients(const at::Tensor& u0, const at::Tensor& state) const;

  const FunctionSpace& space_;
  const Guidance guidance_;
  at::Tensor points_;  // [points] int64, of the flattened grid
  at::Tensor values_;  // [B, C, points] float64
  at::Tensor lower_;   // of C(x_c, x_c), [points, points] float64
  at::Tensor gain_;    // C(x, x_c) C(x_c, x_c)^{-1}, [N, points] float64, N all points
};

}  // namespace ornstein::function_diffusion
