// Walks until all have arrived. Those that have leave the batch, so that a network sees only
// walkers on their way, each row of its own length.
#pragma once

#include <functional>

#include "trainers/first_hitting/domain.h"

namespace ornstein::first_hitting {

using DriftNetwork = std::function<at::Tensor(const at::Tensor& z)>;  // [n, S] -> output [n, D]

struct Arrivals {
  at::Tensor z;          // [n, S], arrived
  at::Tensor steps;      // [n], float64
  at::Tensor log_ratio;  // [n], log of the model's over the base's density of the walk
};

// From the domain's start; towards x [n, D] along bridges where it is defined.
Arrivals walk(const Domain& domain, const DriftNetwork& network, int64_t rows, const at::Tensor& x,
              at::Generator& generator);

// log p(x) of the model, estimated from below by `paths` bridges a row: log-mean-exp of the walks'
// ratios (Burda et al. 2016, arXiv:1509.00519), exact where it does not vary. x [b, D] -> [b] nats.
at::Tensor importance_log_density(const Domain& domain, const DriftNetwork& network,
                                  const at::Tensor& x, int64_t paths, at::Generator& generator);

}  // namespace ornstein::first_hitting
