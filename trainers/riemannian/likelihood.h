// Log densities of data rows x [b, D], [b] in nats against the space's volume. All of them are of
// the law at tau_min (forward_process.h).
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "framework/spaces/flow.h"
#include "trainers/riemannian/samplers.h"

namespace ornstein::riemannian {

// log p(x) = log p_ref(x_1) + int_0^1 div v dt along the flow from x; `flow` with its divergence.
// De Bortoli et al. 2022, arXiv:2202.02763, app. F. p_ref is taken for the law at t = 1.
at::Tensor flow_log_density(const Space& space, const Flow& flow, const at::Tensor& x,
                            double tolerance);

// An unbiased estimate of the bound on log p(x) of the reversed process in continuous time (Huang
// et al. 2022, arXiv:2208.07949, eq. 13),
//   E[log p_ref(Y_T)] - int E[s^2 |score|^2/2 + div(s^2 score - b)] dtau,
// Y from x by the forward process, from `times` stratified times a row, as spread_times has them.
// Divergence exact.
at::Tensor bound_in_continuous_time(const ForwardProcess& process, const ScoreFunction& score,
                                    const at::Tensor& x, int64_t times, at::Generator& generator);

// log of a weight W >= 0 with E W <= p(x): p the density of what `reverse_walk` of `steps` steps
// draws. The mean of K such W is the importance-weighted bound of Burda et al. 2016,
// arXiv:1509.00519. Y from x by the forward walk, each transition's density divided by that of the
// reversed one: on these spaces exp_x and exp_y have the same Jacobian between x and y, which
// cancels where the step is the shortest way. W is 0 where a step goes beyond the cut locus: what
// is lost makes the bound lower, not wrong.
at::Tensor walk_log_weight(const ForwardProcess& process, const ScoreFunction& score,
                           const at::Tensor& x, int64_t steps, at::Generator& generator);

}  // namespace ornstein::riemannian
