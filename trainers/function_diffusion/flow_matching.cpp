#include "trainers/function_diffusion/flow_matching.h"

#include "framework/math/ode.h"

namespace ornstein::function_diffusion {
namespace {

constexpr double kClock = 10;

}  // namespace

FlowMatching read_flow_matching(const ConfigReader& trainer) {
  FlowMatching flow;
  flow.sigma_min = trainer.number("sigma_min", 1e-4, 1e-6, 0.5);
  flow.steps = trainer.integer("steps", 20, 1);
  return flow;
}

at::Tensor FlowMatching::loss(const DiffusionNetwork& network, const at::Tensor& u0,
                              const at::Tensor& xi, const at::Tensor& t,
                              const RowNorm& norm) const {
  const at::Tensor time = per_row(t, u0), level = 1 - (1 - sigma_min) * time;
  const at::Tensor velocity = network(time * u0 + level * xi, kClock * t);
  return norm(velocity - (u0 - (1 - sigma_min) * xi));
}

at::Tensor FlowMatching::sample(const DiffusionNetwork& network, const at::Tensor& xi,
                                int64_t steps, const Observation* given) const {
  const auto velocity = [&](double t, const at::Tensor& u) {
    const at::Tensor time = at::full({u.size(0)}, kClock * t, u.options().dtype(at::kFloat));
    return network(u.to(at::kFloat), time).to(u.scalar_type());
  };
  // Values are given of u_0, and u_0 = (1 - sigma_min) u_t + s v.
  const auto velocity_given = [&](double t, const at::Tensor& u) {
    const double level = noise_level(t);
    const at::Tensor u0 = given->corrected(
        [&](const at::Tensor& state) {
          return (1 - sigma_min) * state + level * velocity(t, state);
        },
        u);
    return (u0 - (1 - sigma_min) * u) / level;
  };
  const at::NoGradGuard no_gradients;
  std::vector<double> times(steps + 1);
  for (int64_t i = 0; i <= steps; ++i) times[i] = static_cast<double>(i) / steps;
  if (!given) return integrate_rk4(velocity, xi, times);
  return given->met_by(integrate_rk4(velocity_given, xi, times));
}

}  // namespace ornstein::function_diffusion
