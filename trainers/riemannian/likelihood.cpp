#include "trainers/riemannian/likelihood.h"

#include "framework/spaces/divergence.h"
#include "framework/spaces/random_walk.h"

namespace ornstein::riemannian {
namespace {

constexpr int64_t kEnds = 8;  // draws of the forward process's end, a row
constexpr double kShortest = 1e-6, kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

at::Tensor flow_log_density(const Space& space, const Flow& flow, const at::Tensor& x,
                            double tolerance) {
  const FlowEnd end = integrate_flow(space, flow, x, 0, 1, tolerance);
  return space.reference_log_density(end.x) + end.integral;
}

at::Tensor bound_in_continuous_time(const ForwardProcess& process, const ScoreFunction& score,
                                    const at::Tensor& x, int64_t times, at::Generator& generator) {
  const Space& space = process.space;
  const Clock& clock = process.clock;
  const int64_t rows = x.size(0);
  const at::Tensor stratum = at::arange(times, x.options()).repeat({rows});
  const at::Tensor u = at::rand({rows * times}, generator, x.options());
  const at::Tensor tau = spread_times(clock, (stratum + u) / static_cast<double>(times));
  const at::Tensor elapsed = (tau - clock.tau_min).clamp_min(1e-6 * clock.tau_min);
  const Noised noised = process.noised(x.repeat_interleave(times, 0), elapsed, generator);

  const double unit = process.unit();
  const FieldWithDivergence s = exact_divergence(
      space, [&](const at::Tensor& y) { return score(y, tau); }, noised.x);
  const FieldWithDivergence b = exact_divergence(
      space, [&](const at::Tensor& y) { return process.drift(y); }, noised.x);
  const at::Tensor integrand =
      unit * (0.5 * squared_norm(space, s.value) + s.divergence) - b.divergence;
  const at::Tensor integral = (spread_rate(clock, tau) * integrand).view({rows, times}).mean(1);
  if (space.compact()) return space.reference_log_density(x) - integral;  // the same everywhere

  const at::Tensor whole = at::full({kEnds * rows}, clock.tau_max - clock.tau_min, x.options());
  const at::Tensor end = process.noised(x.repeat_interleave(kEnds, 0), whole, generator).x;
  return space.reference_log_density(end).view({rows, kEnds}).mean(1) - integral;
}

at::Tensor walk_log_weight(const ForwardProcess& process, const ScoreFunction& score,
                           const at::Tensor& x, int64_t steps, at::Generator& generator) {
  const at::NoGradGuard no_gradients;
  const Space& space = process.space;
  const auto d = static_cast<double>(space.dimension());
  const std::vector<double> tau = walk_times(process.clock, steps);
  at::Tensor y = x, log_weight = at::zeros({x.size(0)}, x.options());
  for (int64_t i = 1; i <= steps; ++i) {
    const double step = tau[i] - tau[i - 1], variance = process.unit() * step;
    const at::Tensor noise = tangent_noise(space, y, generator);
    const at::Tensor way = step * process.drift(y) + std::sqrt(variance) * noise;
    const at::Tensor next = space.project(space.exp(y, way));
    const ReverseStep back = reverse_step(process, score, next, tau[i], tau[i - 1]);
    const at::Tensor missed = space.log(next, y) - back.mean;
    const at::Tensor factor = 0.5 * squared_norm(space, noise) -
                              squared_norm(space, missed) / (2 * back.variance) +
                              0.5 * d * std::log(variance / back.variance);
    const at::Tensor longer = squared_norm(space, way).sqrt() - space.distance(y, next);
    log_weight = (log_weight + factor).masked_fill(longer > kShortest, -kInfinity);
    y = next;
  }
  return log_weight + space.reference_log_density(y);
}

}  // namespace ornstein::riemannian
