// Four ways to learn the score s = grad log p_tau on a space (De Bortoli et al. 2022,
// arXiv:2202.02763, sec. 3.3 and table 2), as |s - target|^2 up to a constant that does not depend
// on s:
//   denoising   |s - grad log p(x | from)|^2, the heat kernel's score; after Langevin's drift, of
//               which `from` is one short step away, the same as varadhan
//   varadhan    |s - log_x(from)/elapsed|^2: the heat kernel's score for small times, biased else
//   implicit    |s|^2 + 2 div s, the divergence exact
//   sliced      |s|^2 + 2 <z, grad_z s>: implicit, Hutchinson's divergence
// Norms are the space's. In expectation denoising = implicit + const (their sec. 3.3).
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <functional>

#include "trainers/riemannian/forward_process.h"

namespace ornstein::riemannian {

// s(x, tau) [b, D], tangent at x [b, D]; tau [b].
using ScoreFunction = std::function<at::Tensor(const at::Tensor& x, const at::Tensor& tau)>;

enum class ScoreLoss { denoising, varadhan, implicit, sliced };

// [b], unweighted, of the rows x0 noised for tau [b].
at::Tensor score_loss(ScoreLoss kind, const ForwardProcess& process, const ScoreFunction& score,
                      const at::Tensor& x0, const at::Tensor& tau, at::Generator& generator);

}  // namespace ornstein::riemannian
