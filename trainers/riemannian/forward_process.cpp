#include "trainers/riemannian/forward_process.h"

#include "framework/spaces/random_walk.h"

namespace ornstein::riemannian {

std::vector<double> walk_times(const Clock& clock, int64_t steps) {
  const auto scale = [](double tau) { return std::log(tau) + tau; };
  const double first = scale(clock.tau_min), last = scale(clock.tau_max);
  std::vector<double> times(steps + 1, clock.tau_min);
  for (int64_t i = 1; i <= steps; ++i) {
    const double wanted = first + (last - first) * static_cast<double>(i) / double(steps);
    double tau = times[i - 1];
    // Newton's method for a concave function from the left: no step goes too far.
    for (int round = 0; round < 60; ++round) tau += (wanted - scale(tau)) / (1 / tau + 1);
    times[i] = tau;
  }
  times[steps] = clock.tau_max;
  return times;
}

at::Tensor ForwardProcess::drift(const at::Tensor& x) const {
  return 0.5 * space.reference_score(x);
}

Noised ForwardProcess::noised(const at::Tensor& x0, const at::Tensor& tau,
                              at::Generator& generator) const {
  const at::NoGradGuard no_gradients;
  const at::Tensor times = row_times(tau, x0);
  if (space.compact()) return {space.brownian(x0, times, generator, walk_steps), x0, times};
  const at::Tensor step = times / static_cast<double>(walk_steps);
  Noised now{x0, x0, step};
  for (int64_t i = 0; i < walk_steps; ++i) {
    now.from = space.exp(now.x, step.unsqueeze(1) * drift(now.x));
    now.x = walk_step(space, now.from, {}, step, generator);
  }
  return now;
}

}  // namespace ornstein::riemannian
