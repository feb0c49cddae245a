// How data become noise on a space (framework/spaces). In the clock tau, generator one half
// Laplacian,
//   compact      dX = dB^M                                   to the uniform law
//   else         dX = 1/2 grad log p_ref(X) dtau + dB^M      to the reference law p_ref (Langevin)
// from tau_min to tau_max, and t in [0, 1] goes from data to noise:
//   tau(t) = tau_min (tau_max/tau_min)^t.
// De Bortoli et al. 2022, arXiv:2202.02763, sec. 3, with another schedule: theirs is a linear beta.
// Here each scale of tau gets the same share of t, so that a t uniform in [0, 1] is the importance
// sampling of Huang et al. 2022, arXiv:2208.07949, sec. 4.2, for integrands of the size 1/tau.
// The model's data law is that at tau_min: data blurred by sigma_min = sqrt(tau_min).
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "framework/spaces/space.h"

namespace ornstein::riemannian {

struct Clock {
  double tau_min = 2.5e-5;
  double tau_max = 12;

  double span() const { return std::log(tau_max / tau_min); }
  double tau(double t) const { return tau_min * std::exp(span() * t); }
  at::Tensor tau(const at::Tensor& t) const { return tau_min * (span() * t).exp(); }
  double rate(double t) const { return span() * tau(t); }  // dtau/dt
};

// Times tau_0 = tau_min < ... < tau_steps = tau_max of a geodesic walk, uniform in log tau + tau:
// steps grow as tau up to tau = 1, and beyond are short against the space's size.
std::vector<double> walk_times(const Clock& clock, int64_t steps);

// The variance a direction has after tau where the reference law is of unit variance; that of
// Brownian motion for small tau. float64 or tensors of any type.
inline double noise_variance(double tau) { return -std::expm1(-tau); }
inline at::Tensor noise_variance(const at::Tensor& tau) { return -(-tau).expm1(); }

// x was reached from `from` by Brownian motion that ran for `elapsed` (not by Langevin's drift,
// which came before).
struct Noised {
  at::Tensor x;        // [b, D]
  at::Tensor from;     // [b, D]
  at::Tensor elapsed;  // [b]
};

struct ForwardProcess {
  Space space;
  Clock clock;
  int64_t walk_steps = 100;  // of Langevin walks, and of Brownian ones that cannot be drawn exactly

  // 1/2 grad log p_ref, [b, D]: zero on compact spaces.
  at::Tensor drift(const at::Tensor& x) const;

  // Rows x0 [b, D] after the time tau [b]. On compact spaces `from` is x0; else it is the walk's
  // last point but one. Carries no graph.
  Noised noised(const at::Tensor& x0, const at::Tensor& tau, at::Generator& generator) const;
};

}  // namespace ornstein::riemannian
