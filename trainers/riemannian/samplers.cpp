#include "trainers/riemannian/samplers.h"

#include "framework/spaces/divergence.h"
#include "framework/spaces/random_walk.h"

namespace ornstein::riemannian {
namespace {

at::Tensor times(const at::Tensor& x, double t) { return at::full({x.size(0)}, t, x.options()); }

}  // namespace

ReverseStep reverse_step(const ForwardProcess& process, const ScoreFunction& score,
                         const at::Tensor& x, double tau, double tau_next) {
  const double step = tau - tau_next, unit = process.unit();
  return {step * (unit * score(x, times(x, tau)) - process.drift(x)),
          unit * step * noise_variance(tau_next) / noise_variance(tau)};
}

at::Tensor reverse_walk(const ForwardProcess& process, const ScoreFunction& score, at::Tensor x,
                        int64_t steps, at::Generator& generator) {
  const std::vector<double> tau = walk_times(process.clock, steps);
  for (int64_t i = steps; i > 0; --i) {
    const ReverseStep step = reverse_step(process, score, x, tau[i], tau[i - 1]);
    x = walk_step(process.space, x, step.mean, at::scalar_tensor(step.variance, x.options()),
                  generator);
    x = process.space.project(x);
  }
  return x;
}

FieldWithDivergence with_divergence(const Space& space, const VectorField& field,
                                    const at::Tensor& x, const DivergenceKind& divergence) {
  switch (divergence.kind) {
    case DivergenceKind::Kind::exact:
      return exact_divergence(space, field, x);
    case DivergenceKind::Kind::hutchinson:
      return hutchinson_divergence(space, field, x, divergence.noise);
    default:
      return {field(x), {}};
  }
}

Flow probability_flow(const ForwardProcess& process, const ScoreFunction& score,
                      const DivergenceKind& divergence) {
  return [&process, score, divergence](double t, const at::Tensor& x) {
    const double tau = process.clock.tau(t), rate = process.clock.rate(t);
    const VectorField field = [&](const at::Tensor& y) {
      return rate * (process.drift(y) - 0.5 * process.unit() * score(y, times(y, tau)));
    };
    return with_divergence(process.space, field, x, divergence);
  };
}

Flow matched_flow(const Space& space, const VelocityFunction& velocity,
                  const DivergenceKind& divergence) {
  return [&space, velocity, divergence](double t, const at::Tensor& x) {
    const VectorField field = [&](const at::Tensor& y) { return velocity(y, times(y, t)); };
    return with_divergence(space, field, x, divergence);
  };
}

at::Tensor follow(const Space& space, const Flow& flow, at::Tensor x, int64_t steps) {
  const double h = -1.0 / static_cast<double>(steps);
  for (int64_t i = 0; i < steps; ++i)
    x = space.project(geodesic_heun_step(space, flow, 1 + h * static_cast<double>(i), x, h));
  return x;
}

}  // namespace ornstein::riemannian
