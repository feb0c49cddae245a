#include "trainers/riemannian/forward_process.h"

#include "framework/spaces/random_walk.h"

namespace ornstein::riemannian {

at::Tensor spread_times(const Clock& clock, const at::Tensor& u) {
  const at::Tensor first = at::scalar_tensor(clock.tau_min, u.options());
  const double last = std::log(clock.tau_max) + clock.tau_max;
  const at::Tensor start = first.log() + first, wanted = start + (last - start) * u;
  at::Tensor tau = first.expand_as(u);
  // Newton's method for a concave function from the left: no step goes too far.
  for (int round = 0; round < 60; ++round) tau = tau + (wanted - tau.log() - tau) / (1 / tau + 1);
  return tau;
}

at::Tensor spread_rate(const Clock& clock, const at::Tensor& tau) {
  const double span = clock.span() + clock.tau_max - clock.tau_min;
  return span * tau / (1 + tau);
}

std::vector<double> walk_times(const Clock& clock, int64_t steps) {
  const at::Tensor tau = spread_times(clock, at::linspace(0, 1, steps + 1, at::kDouble));
  return {tau.const_data_ptr<double>(), tau.const_data_ptr<double>() + steps + 1};
}

at::Tensor ForwardProcess::drift(const at::Tensor& x) const {
  return 0.5 * unit() * space.reference_score(x);
}

Noised ForwardProcess::noised(const at::Tensor& x0, const at::Tensor& tau,
                              at::Generator& generator) const {
  const at::NoGradGuard no_gradients;
  const at::Tensor times = row_times(tau, x0);
  if (space.compact()) return {space.brownian(x0, times, generator, walk_steps), x0, times};
  const at::Tensor step = times / static_cast<double>(walk_steps);
  Noised now{x0, x0, unit() * step};
  for (int64_t i = 0; i < walk_steps; ++i) {
    now.from = space.exp(now.x, step.unsqueeze(1) * drift(now.x));
    now.x = walk_step(space, now.from, {}, now.elapsed, generator);
  }
  return now;
}

}  // namespace ornstein::riemannian
