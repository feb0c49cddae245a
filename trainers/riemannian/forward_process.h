// How data become noise on a space (framework/spaces). With the length s of the space, 1 where it
// is compact and else the reference law's standard deviation, in the clock tau,
//   compact      dX = dB^M                                           to the uniform law
//   else         dX = s^2/2 grad log p_ref(X) dtau + s dB^M          to the reference law
//   (Langevin)
// from tau_min to tau_max, B^M of generator one half Laplacian, and t in [0, 1] goes from data to
// noise:
//   tau(t) = tau_min (tau_max/tau_min)^t.
// De Bortoli et al. 2022, arXiv:2202.02763, sec. 3, with another schedule: theirs is a linear beta.
// Here each scale of tau gets the same share of t: the importance sampling of Huang et al. 2022,
// arXiv:2208.07949, sec. 4.2, for integrands of the size 1/tau, which those of small tau are.
// The model's data law is that at tau_min: data blurred by sigma_min = s sqrt(tau_min).
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

// Times uniform in log tau + tau: they grow as tau up to tau = 1, and are evenly spaced beyond,
// where motion on the scale of the whole space goes on. u [n] in [0, 1] -> [n]; and its derivative
// dtau/du at the times tau [n].
at::Tensor spread_times(const Clock& clock, const at::Tensor& u);
at::Tensor spread_rate(const Clock& clock, const at::Tensor& tau);

// tau_0 = tau_min < ... < tau_steps = tau_max of a geodesic walk, so spread.
std::vector<double> walk_times(const Clock& clock, int64_t steps);

// The variance a direction has after tau, in units of s^2, where space is flat; that of Brownian
// motion for small tau.
inline double noise_variance(double tau) { return -std::expm1(-tau); }
inline at::Tensor noise_variance(const at::Tensor& tau) { return -(-tau).expm1(); }

// x was reached from `from` by Brownian motion that ran for `elapsed` (not by Langevin's drift,
// which came before).
struct Noised {
  at::Tensor x;        // [b, D]
  at::Tensor from;     // [b, D]
  at::Tensor elapsed;  // [b], Brownian motion's own time: s^2 of the clock's
};

struct ForwardProcess {
  Space space;
  Clock clock;
  double length = 1;         // s
  int64_t walk_steps = 100;  // of Langevin walks, and of Brownian ones that cannot be drawn exactly

  double unit() const { return length * length; }

  // Of dX over dtau, s^2/2 grad log p_ref, [b, D]: zero on compact spaces.
  at::Tensor drift(const at::Tensor& x) const;

  // Rows x0 [b, D] after the time tau [b]. On compact spaces `from` is x0; else it is the walk's
  // last point but one. Carries no graph.
  Noised noised(const at::Tensor& x0, const at::Tensor& tau, at::Generator& generator) const;
};

}  // namespace ornstein::riemannian
