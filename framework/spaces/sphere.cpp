#include "framework/spaces/sphere.h"

#include <numbers>

#include "framework/spaces/random_walk.h"
#include "framework/spaces/small_time.h"
#include "framework/spaces/smooth.h"
#include "framework/spaces/torus.h"

namespace ornstein {

using std::numbers::pi;

namespace {

constexpr double kTrusted = 1e-7;  // of p(r)/p(0): rounding of the series is about 1e-15 p(0)
constexpr double kNothing = 1e-20;
constexpr double kShortTime = 0.2;
constexpr double kNearAntipode = 0.5;

// The series in c = cos r; pull NaN where cancellation leaves too little.
RadialKernel series_kernel(int64_t d, double r, double tau) {
  const double nu = static_cast<double>(d - 1) / 2, c = std::cos(r);
  double before = 0, now = 1;              // C_(l-1)^nu, C_l^nu at c
  double slope_before = 0, slope_now = 1;  // C_(l-2)^(nu+1), C_(l-1)^(nu+1)
  double most = 1;                         // C_l^nu(1)
  double sum = 1, slope = 0, sum_at_zero = 1;
  for (int l = 1;; ++l) {
    const double next = (2 * (l + nu - 1) * c * now - (l + 2 * nu - 2) * before) / l;
    before = now;
    now = next;
    most *= (l + 2 * nu - 1) / l;
    if (l > 1) {
      const double slope_next =
          (2 * (l + nu - 1) * c * slope_now - (l + 2 * nu - 1) * slope_before) / (l - 1);
      slope_before = slope_now;
      slope_now = slope_next;
    }
    const double weight = std::exp(-l * (l + 2 * nu) * tau / 2);
    sum += (l + nu) / nu * weight * now;
    slope += 2 * (l + nu) * weight * slope_now;
    const double largest = (l + nu) / nu * weight * most;
    sum_at_zero += largest;
    if (largest < kNothing * sum_at_zero && l * l * tau > 1) break;
  }
  RadialKernel kernel;
  kernel.log_density = std::log(sum) - log_sphere_volume(d);
  kernel.pull =
      sum > kTrusted * sum_at_zero ? slope / sum * (r == 0 ? 1 : std::sin(r) / r) : std::nan("");
  return kernel;
}

// A tangent vector of length one at x [b, D], along the axis that is farthest from x.
at::Tensor any_direction(const at::Tensor& x) {
  const at::Tensor axis = at::one_hot(x.detach().abs().argmin(1), x.size(1)).to(x.scalar_type());
  const at::Tensor v = axis - (axis * x).sum(-1, true) * x;
  return v / v.norm(2, -1, true);
}

}  // namespace

double log_sphere_volume(int64_t d) {
  const double half = static_cast<double>(d + 1) / 2;
  return std::log(2.0) + half * std::log(pi) - std::lgamma(half);
}

RadialKernel sphere_kernel(int64_t d, double r, double tau) {
  if (d == 1) return circle_kernel(r, tau);
  if (tau > kShortTime / static_cast<double>(d)) {
    const RadialKernel series = series_kernel(d, r, tau);
    if (std::isfinite(series.pull)) return series;
  }
  return pi - r < kNearAntipode ? antipodal_kernel(d, std::max(pi - r, 0.0), tau)
                                : small_time_kernel(d, 1, r, tau);
}

at::Tensor Sphere::defect(const at::Tensor& x) const { return (x.norm(2, -1) - 1).abs(); }

at::Tensor Sphere::project(const at::Tensor& x) const { return x / x.norm(2, -1, true); }

at::Tensor Sphere::tangent(const at::Tensor& x, const at::Tensor& v) const {
  return v - (x * v).sum(-1, true) * x;
}

// The reflection I - 2 u u^T/|u|^2, u = x + sign(x_D) e_D, takes the last axis to -+x, and the
// others to the frame; this sign keeps |u|^2 >= 2.
at::Tensor Sphere::frame(const at::Tensor& x) const {
  const at::Tensor last = x.slice(1, d);
  const at::Tensor sign = at::where(last < 0, -at::ones_like(last), at::ones_like(last));
  const at::Tensor u = at::cat({x.slice(1, 0, d), last + sign}, 1);
  const at::Tensor scale = (2 / u.square().sum(1)).view({-1, 1, 1});
  return at::eye(d, d + 1, x.options()) - scale * u.slice(1, 0, d).unsqueeze(2) * u.unsqueeze(1);
}

at::Tensor Sphere::exp(const at::Tensor& x, const at::Tensor& v) const {
  const at::Tensor squared = v.square().sum(-1, true);
  return project(cos_of_root(squared) * x + sinc_of_root(squared) * v);
}

at::Tensor Sphere::log(const at::Tensor& x, const at::Tensor& y) const {
  const at::Tensor across = tangent(x, y - x), cosine = (x * y).sum(-1, true);
  const at::Tensor squared = across.square().sum(-1, true);
  const double least = x.scalar_type() == at::kDouble ? 1e-28 : 1e-12;
  const at::Tensor opposite = (squared < least).logical_and(cosine < 0);
  return at::where(opposite, pi * any_direction(x), angle_over_sine(squared, cosine) * across);
}

at::Tensor Sphere::distance(const at::Tensor& x, const at::Tensor& y) const {
  // Twice the half angle: |y - x| and |y + x| are both exact where they are small.
  const at::Tensor chord = root((y - x).square().sum(-1));
  return 2 * at::atan2(chord, root((y + x).square().sum(-1)));
}

at::Tensor Sphere::transport(const at::Tensor& x, const at::Tensor& y, const at::Tensor& v) const {
  const at::Tensor apart = (1 + (x * y).sum(-1, true)).clamp_min(1e-7);  // 0 at the antipode
  return v - (y * v).sum(-1, true) / apart * (x + y);
}

at::Tensor Sphere::reference_sample(int64_t rows, at::Generator& generator,
                                    const at::TensorOptions& options) const {
  return project(at::randn({rows, d + 1}, generator, options));
}

at::Tensor Sphere::reference_log_density(const at::Tensor& x) const {
  return at::full({x.size(0)}, -log_volume(), x.options());
}

at::Tensor Sphere::reference_score(const at::Tensor& x) const { return at::zeros_like(x); }

at::Tensor Sphere::brownian(const at::Tensor& x, const at::Tensor& tau, at::Generator& generator,
                            int64_t steps) const {
  const at::NoGradGuard no_gradients;
  if (!draws_exactly()) return random_walk(*this, x, tau, steps, generator);
  const at::Tensor times = row_times(tau, x);
  const at::Tensor deviation = times.sqrt().unsqueeze(1);
  if (d == 1) return exp(x, deviation * tangent(x, at::randn(x.sizes(), generator, x.options())));

  const at::Tensor at_time = times.to(at::kCPU, at::kDouble).contiguous();
  const auto* time = at_time.const_data_ptr<double>();
  const int64_t rows = x.size(0);
  const auto even = static_cast<double>(d) / 2;
  std::vector<double> log_most(rows);
  const at::Tensor uniform = at::empty({rows, 1}, at::kBool), todo = at::ones({rows, 1}, at::kBool);
  auto *is_uniform = uniform.data_ptr<bool>(), *waits = todo.data_ptr<bool>();
  for (int64_t i = 0; i < rows; ++i) {
    log_most[i] = sphere_kernel(d, 0, time[i]).log_density;
    is_uniform[i] = even * std::log(2 * pi * time[i]) > log_volume();
  }
  at::Tensor result = x;
  // All rows draw in every round: a row's draws do not depend on the fate of the others.
  for (int64_t waiting = rows; waiting > 0;) {
    const at::Tensor noise = at::randn(x.sizes(), generator, x.options());
    const at::Tensor step = deviation * tangent(x, noise);
    const at::Tensor candidate = at::where(uniform.to(x.device()), project(noise), exp(x, step));
    const at::Tensor length =
        at::where(uniform.to(x.device()).squeeze(1), distance(x, candidate), step.norm(2, 1))
            .to(at::kCPU, at::kDouble)
            .contiguous();
    const at::Tensor chance = at::rand({rows}, generator, x.options()).to(at::kCPU, at::kDouble);
    const auto *r = length.const_data_ptr<double>(), *u = chance.const_data_ptr<double>();
    const at::Tensor taken = at::zeros({rows, 1}, at::kBool);
    auto* take = taken.data_ptr<bool>();
    for (int64_t i = 0; i < rows; ++i) {
      if (!waits[i] || r[i] >= pi) continue;
      double log_ratio = sphere_kernel(d, r[i], time[i]).log_density - log_most[i];
      if (!is_uniform[i])
        log_ratio += r[i] * r[i] / (2 * time[i]) +
                     (r[i] > 0 ? static_cast<double>(d - 1) * std::log(std::sin(r[i]) / r[i]) : 0);
      take[i] = !(std::log(u[i]) >= log_ratio);  // what is not a number is handed on
      if (!take[i]) continue;
      waits[i] = false;
      --waiting;
    }
    result = at::where(taken.to(x.device()), candidate, result);
  }
  return result;
}

HeatKernel Sphere::heat_kernel(const at::Tensor& x, const at::Tensor& y,
                               const at::Tensor& tau) const {
  const at::NoGradGuard no_gradients;
  const at::Tensor there = project(x.to(at::kDouble)), here = project(y.to(at::kDouble));
  const auto kernel = [this](double r, double time) { return sphere_kernel(d, r, time); };
  const auto [log_density, score] =
      radial_heat_kernel(distance(there, here), log(there, here), tau, kernel);
  return {log_density.to(x.scalar_type()), score.to(x.scalar_type())};
}

}  // namespace ornstein
