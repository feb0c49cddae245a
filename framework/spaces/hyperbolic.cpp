#include "framework/spaces/hyperbolic.h"

#include <array>
#include <numbers>

#include "framework/spaces/random_walk.h"
#include "framework/spaces/small_time.h"
#include "framework/spaces/smooth.h"

namespace ornstein {

using std::numbers::pi;

namespace {

constexpr double kShortTime = 0.01;
constexpr int kPoints = 40;  // of the Gauss-Hermite rule; half of them are used

// Nodes y > 0 and weights of int_0^inf exp(-y^2) f(y) dy, f even.
struct HalfHermite {
  std::array<double, kPoints / 2> node, weight;
};

const HalfHermite& half_hermite() {
  static const HalfHermite rule = [] {
    // Golub and Welsch: eigenvalues of the recursion's matrix, weights of the first components.
    const at::Tensor off = (at::arange(1, kPoints, at::kDouble) / 2).sqrt();
    const auto [nodes, vectors] = at::linalg_eigh(at::diag(off, 1) + at::diag(off, -1));
    const at::Tensor weights = vectors.select(0, 0).square() * std::sqrt(pi);
    HalfHermite half;
    for (int i = 0; i < kPoints / 2; ++i) {
      half.node[i] = nodes[kPoints / 2 + i].item<double>();
      half.weight[i] = weights[kPoints / 2 + i].item<double>();
    }
    return half;
  }();
  return rule;
}

double sinh_ratio(double s) { return s < 1e-4 ? 1 + s * s / 6 : std::sinh(s) / s; }

// With s^2 = r^2 + 2 tau y^2 the integrand is smooth and even in y:
//   s ds/sqrt(cosh s - cosh r) = 2 tau y dy/sqrt(cosh s - cosh r),
//   -(d/dr)/r of log 1/sqrt(cosh s - cosh r) = (sinh s/s - sinh r/r)/(2 (cosh s - cosh r)).
RadialKernel plane_kernel(double r, double tau) {
  const HalfHermite& rule = half_hermite();
  double integral = 0, pull = 0;
  const double ratio = sinh_ratio(r);
  for (int i = 0; i < kPoints / 2; ++i) {
    const double y = rule.node[i], s = std::sqrt(r * r + 2 * tau * y * y);
    const double apart = 2 * tau * y * y / (s + r);  // s - r
    // cosh s - cosh r, over exp(r): no overflow, and no cancellation.
    const double difference =
        -std::expm1(-2 * r - apart) * std::exp(apart / 2) * std::sinh(apart / 2);
    const double value = rule.weight[i] * y / std::sqrt(difference);
    integral += value;
    pull += value * (sinh_ratio(s) - ratio) / (2 * difference * std::exp(r));
  }
  return {std::log(integral) - r / 2 + std::log(2 * std::sqrt(2.0) * tau) -
              1.5 * std::log(2 * pi * tau) - tau / 8 - r * r / (2 * tau),
          1 / tau + pull / integral};
}

at::Tensor time_of(const at::Tensor& x) {  // [b, D] -> [b, 1]
  return (1 + x.slice(1, 1).square().sum(1, true)).sqrt();
}

// On the hyperboloid, in float64.
at::Tensor lifted(const at::Tensor& x) {
  const at::Tensor wide = x.to(at::kDouble);
  return at::cat({time_of(wide), wide.slice(1, 1)}, 1);
}

at::Tensor form(const at::Tensor& u, const at::Tensor& v) {  // <u, v>, [b, 1]
  const at::Tensor product = u * v;
  return product.slice(1, 1).sum(1, true) - product.slice(1, 0, 1);
}

at::Tensor projected(const at::Tensor& x, const at::Tensor& v) { return v + form(x, v) * x; }

at::Tensor half_sinh_squared(const at::Tensor& x, const at::Tensor& y) {  // sinh(r/2)^2, [b, 1]
  const at::Tensor chord = y - x;
  return form(chord, chord).clamp_min(0) / 4;
}

at::Tensor log_map(const at::Tensor& x, const at::Tensor& y) {
  return radius_over_sinh(half_sinh_squared(x, y)) * projected(x, y - x);
}

at::Tensor distance_between(const at::Tensor& x, const at::Tensor& y) {
  return 2 * root(half_sinh_squared(x, y).squeeze(1)).asinh();
}

}  // namespace

RadialKernel hyperbolic_kernel(int64_t d, double r, double tau) {
  return d == 2 && tau >= kShortTime ? plane_kernel(r, tau) : small_time_kernel(d, -1, r, tau);
}

double Hyperbolic::log_volume() const { return std::numeric_limits<double>::infinity(); }

at::Tensor Hyperbolic::defect(const at::Tensor& x) const {
  const at::Tensor height = time_of(x).squeeze(1);
  return (x.select(1, 0) - height).abs() / height;
}

at::Tensor Hyperbolic::project(const at::Tensor& x) const { return lifted(x).to(x.scalar_type()); }

at::Tensor Hyperbolic::tangent(const at::Tensor& x, const at::Tensor& v) const {
  return projected(lifted(x), v.to(at::kDouble)).to(x.scalar_type());
}

at::Tensor Hyperbolic::lowered(const at::Tensor& v) const {
  return at::cat({v.slice(1, 0, 1).neg(), v.slice(1, 1)}, 1);
}

at::Tensor Hyperbolic::tangent_from(const at::Tensor& x, const at::Tensor& noise) const {
  const at::Tensor here = lifted(x), z = noise.to(at::kDouble), space = here.slice(1, 1);
  const at::Tensor along = (space * z).sum(1, true);
  return at::cat({along, z + space * (along / (1 + here.slice(1, 0, 1)))}, 1).to(x.scalar_type());
}

at::Tensor Hyperbolic::frame(const at::Tensor& x) const {
  const int64_t b = x.size(0);
  const at::Tensor each = x.unsqueeze(1).expand({b, d, d + 1}).reshape({b * d, d + 1});
  return tangent_from(each, at::eye(d, x.options()).repeat({b, 1})).view({b, d, d + 1});
}

at::Tensor Hyperbolic::exp(const at::Tensor& x, const at::Tensor& v) const {
  const at::Tensor here = lifted(x), step = projected(here, v.to(at::kDouble));
  const at::Tensor squared = form(step, step).clamp_min(0);
  return project(cosh_of_root(squared) * here + sinhc_of_root(squared) * step).to(x.scalar_type());
}

at::Tensor Hyperbolic::log(const at::Tensor& x, const at::Tensor& y) const {
  return log_map(lifted(x), lifted(y)).to(x.scalar_type());
}

at::Tensor Hyperbolic::distance(const at::Tensor& x, const at::Tensor& y) const {
  return distance_between(lifted(x), lifted(y)).to(x.scalar_type());
}

at::Tensor Hyperbolic::transport(const at::Tensor& x, const at::Tensor& y,
                                 const at::Tensor& v) const {
  const at::Tensor here = lifted(x), there = lifted(y), vector = v.to(at::kDouble);
  return (vector + form(there, vector) / (1 - form(here, there)) * (here + there))
      .to(x.scalar_type());
}

at::Tensor Hyperbolic::origin(const at::Tensor& like) const {
  const at::Tensor o = at::zeros({1, d + 1}, like.options());
  o.select(1, 0).fill_(1);
  return o;
}

at::Tensor Hyperbolic::reference_sample(int64_t rows, at::Generator& generator,
                                        const at::TensorOptions& options) const {
  const at::Tensor z = at::randn({rows, d}, generator, options) * reference_std;
  return exp(origin(z), at::cat({at::zeros({rows, 1}, options), z}, 1));
}

at::Tensor Hyperbolic::reference_log_density(const at::Tensor& x) const {
  const at::Tensor here = lifted(x), q = half_sinh_squared(origin(here), here).squeeze(1);
  const at::Tensor r = 2 * root(q).asinh();
  const double variance = reference_std * reference_std;
  return (r.square() / (-2 * variance) + static_cast<double>(d - 1) * radius_over_sinh(q).log() -
          static_cast<double>(d) / 2 * std::log(2 * pi * variance))
      .to(x.scalar_type());
}

at::Tensor Hyperbolic::reference_score(const at::Tensor& x) const {
  const at::Tensor here = lifted(x), o = origin(here);
  const at::Tensor r = distance_between(here, o).unsqueeze(1);
  const at::Tensor small = r < 1e-3, safe = at::where(small, 1, r);
  // (r coth r - 1)/r^2
  const at::Tensor bend =
      at::where(small, 1.0 / 3 - r.square() / 45, (safe / safe.tanh() - 1) / safe.square());
  return ((1 / (reference_std * reference_std) + static_cast<double>(d - 1) * bend) *
          log_map(here, o))
      .to(x.scalar_type());
}

at::Tensor Hyperbolic::brownian(const at::Tensor& x, const at::Tensor& tau,
                                at::Generator& generator, int64_t steps) const {
  const at::NoGradGuard no_gradients;
  const at::Tensor times = row_times(tau, x);
  if (!draws_exactly()) return random_walk(*this, x, times, steps, generator);
  if (d == 1) return walk_step(*this, x, {}, times, generator);
  const at::TensorOptions wide = x.options().dtype(at::kDouble);
  const at::Tensor time = times.to(at::kDouble).unsqueeze(1);
  at::Tensor g = at::randn({x.size(0), 3}, generator, wide) * time.sqrt();
  g.select(1, 0).add_(time.squeeze(1), d == 2 ? 0.5 : 1.0);
  at::Tensor r = g.norm(2, 1, true);
  if (d == 2) {
    const at::Tensor u = at::rand({x.size(0), 1}, generator, wide);
    r = 2 * ((r / 2).sinh() * (1 - u.square()).sqrt()).asinh();
  }
  const at::Tensor direction = at::randn({x.size(0), d}, generator, wide);
  const at::Tensor here = lifted(x);
  const at::Tensor unit = tangent_from(here, direction / direction.norm(2, 1, true));
  return exp(here, r * unit).to(x.scalar_type());
}

HeatKernel Hyperbolic::heat_kernel(const at::Tensor& x, const at::Tensor& y,
                                   const at::Tensor& tau) const {
  const at::NoGradGuard no_gradients;
  const at::Tensor there = lifted(x), here = lifted(y);
  const auto kernel = [this](double r, double time) { return hyperbolic_kernel(d, r, time); };
  const auto [log_density, score] =
      radial_heat_kernel(distance_between(there, here), log_map(there, here), tau, kernel);
  return {log_density.to(x.scalar_type()), score.to(x.scalar_type())};
}

}  // namespace ornstein
