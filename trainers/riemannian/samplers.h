// From noise at t = 1 to data at t = 0.
//   walk       the geodesic random walk of the reversed process (De Bortoli et al. 2022,
//              arXiv:2202.02763, algorithm 2), at walk_times:
//                x <- exp_x((s^2 score - b) dtau + sqrt(v) z),
//                v = s^2 dtau w(tau - dtau)/w(tau),
//              b the forward drift, s its length and w = noise_variance: v is about the variance of
//              x_(tau - dtau) given x_tau and the datum, where theirs takes s^2 dtau. Their
//              variance is right where data are smooth on the scale of tau, ours where they are
//              points.
//   flow       the ODE dx/dtau = b - s^2 score/2, whose marginals are the same (their sec. 3.4), or
//              of flow matching, dx/dt = v
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "framework/spaces/flow.h"
#include "trainers/riemannian/flow_matching.h"
#include "trainers/riemannian/forward_process.h"
#include "trainers/riemannian/score_losses.h"

namespace ornstein::riemannian {

// One step of the walk from tau to tau - dtau: x [b, D] moves by N(mean, variance I).
struct ReverseStep {
  at::Tensor mean;  // [b, D], tangent at x
  double variance = 0;
};
ReverseStep reverse_step(const ForwardProcess& process, const ScoreFunction& score,
                         const at::Tensor& x, double tau, double tau_next);

// x [b, D] at t = 1 -> t = 0. Rows whose steps are too long for a space that is not compact may end
// as NaN.
at::Tensor reverse_walk(const ForwardProcess& process, const ScoreFunction& score, at::Tensor x,
                        int64_t steps, at::Generator& generator);

// Row by row the divergence of a field: exact, or with `noise` [b, noise_size] (see
// framework/spaces/divergence.h), or none.
struct DivergenceKind {
  enum class Kind { none, exact, hutchinson } kind = Kind::none;
  at::Tensor noise;
};
FieldWithDivergence with_divergence(const Space& space, const VectorField& field,
                                    const at::Tensor& x, const DivergenceKind& divergence);

// As functions of t, from data to noise.
Flow probability_flow(const ForwardProcess& process, const ScoreFunction& score,
                      const DivergenceKind& divergence);
Flow matched_flow(const Space& space, const VelocityFunction& velocity,
                  const DivergenceKind& divergence);

// x [b, D] at t = 1 -> t = 0 along a flow in `steps` Heun steps along geodesics.
at::Tensor follow(const Space& space, const Flow& flow, at::Tensor x, int64_t steps);

}  // namespace ornstein::riemannian
