#include "framework/spaces/flow.h"

#include <array>

#include "framework/base/errors.h"

namespace ornstein {
namespace {

constexpr int kStages = 7;
constexpr std::array<double, kStages> kTime{0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1};
constexpr double kStage[kStages][kStages - 1] = {
    {},
    {1.0 / 5},
    {3.0 / 40, 9.0 / 40},
    {44.0 / 45, -56.0 / 15, 32.0 / 9},
    {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
    {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
    {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84}};
// Fifth less fourth order.
constexpr std::array<double, kStages> kError{
    71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40};

constexpr double kFirstStep = 0.01;  // of the way
constexpr double kLeastStep = 1e-9;

at::Tensor combined(const std::vector<at::Tensor>& parts, const double* weights, double h) {
  at::Tensor sum = parts[0] * (h * weights[0]);
  for (size_t i = 1; i < parts.size(); ++i)
    if (weights[i] != 0) sum = sum.add(parts[i], h * weights[i]);
  return sum;
}

}  // namespace

at::Tensor geodesic_heun_step(const Space& space, const Flow& flow, double t, const at::Tensor& x,
                              double h) {
  const at::Tensor start = flow(t, x).value, there = space.exp(x, h * start);
  const at::Tensor end = space.transport(there, x, flow(t + h, there).value);
  return space.exp(x, h / 2 * (start + end));
}

ProjectedStep projected_step(const Space& space, const Flow& flow, double t, const at::Tensor& x,
                             double h, const FieldWithDivergence& first) {
  std::vector<at::Tensor> velocities{first.value}, rates;
  if (first.divergence.defined()) rates.push_back(first.divergence);
  ProjectedStep step;
  for (int stage = 1; stage < kStages; ++stage) {
    step.x = space.project(x + combined(velocities, kStage[stage], h));
    // The last stage is the step itself.
    if (stage == kStages - 1 && !rates.empty()) step.integral = combined(rates, kStage[stage], h);
    step.last = flow(t + kTime[stage] * h, step.x);
    velocities.push_back(step.last.value);
    if (!rates.empty()) rates.push_back(step.last.divergence);
  }
  const at::Tensor off = space.tangent(step.x, combined(velocities, kError.data(), h));
  step.error = squared_norm(space, off).clamp_min(0).sqrt();
  if (!rates.empty()) step.error = at::maximum(step.error, combined(rates, kError.data(), h).abs());
  return step;
}

FlowEnd integrate_flow(const Space& space, const Flow& flow, const at::Tensor& x, double t0,
                       double t1, double tolerance) {
  TORCH_CHECK(tolerance > 0, "integrate_flow wants a positive tolerance, not ", tolerance);
  FlowEnd end{x, {}, 1};
  FieldWithDivergence field = flow(t0, x);
  if (field.divergence.defined()) end.integral = at::zeros_like(field.divergence);
  double t = t0, h = (t1 - t0) * kFirstStep;
  while (t != t1) {
    const bool last = std::abs(t1 - t) <= std::abs(h) * (1 + 1e-9);
    if (last) h = t1 - t;
    const ProjectedStep step = projected_step(space, flow, t, end.x, h, field);
    end.evaluations += kStages - 1;
    const double error = step.error.amax().item<double>() / tolerance;
    if (error <= 1) {
      t = last ? t1 : t + h;
      end.x = step.x;
      if (end.integral.defined()) end.integral = end.integral + step.integral;
      field = step.last;
    }
    // NaN shrinks the step as much as an error without bound.
    h *= error < 1e10 ? std::clamp(0.9 * std::pow(std::max(error, 1e-10), -0.2), 0.2, 5.0) : 0.2;
    if (t != t1 && std::abs(h) < kLeastStep * std::abs(t1 - t0))
      throw Error(
          fmt::format("the flow cannot be followed beyond t = {:.6g} (its field is not "
                      "finite, or changes too fast for an error of {:.2g})",
                      t, tolerance));
  }
  return end;
}

}  // namespace ornstein
