#include "datasets/points/space_twins.h"

#include <numbers>

namespace ornstein::points {
namespace {

using std::numbers::pi;

constexpr int64_t kDegrees = 32;     // of the heat kernel's series: exp(-32 33 tau/2) < 1e-22
constexpr int64_t kNodes = 1024;     // where an angle is looked for first
constexpr int64_t kBisections = 30;  // then, within pi/1024: to 3e-12

struct Component {
  double weight;
  std::function<at::Tensor(int64_t rows, at::Generator& generator)> sample;  // [rows, D] float64
  std::function<at::Tensor(const at::Tensor& x)> log_density;                // [b]
};

Twin mixture(std::string name, std::string space, std::vector<Component> components) {
  auto sample = [components](int64_t rows, at::Generator& generator) {
    const at::Tensor place = at::rand({rows, 1}, generator, at::kDouble);
    at::Tensor x;
    double below = 0;
    for (const Component& component : components) {
      const at::Tensor own = component.sample(rows, generator);
      x = x.defined() ? at::where(place < below, x, own) : own;
      below += component.weight;
    }
    return x;
  };
  auto log_density = [components](const at::Tensor& x) {
    std::vector<at::Tensor> terms;
    for (const Component& component : components)
      terms.push_back(component.log_density(x) + std::log(component.weight));
    return at::logsumexp(at::stack(terms), 0);
  };
  return {std::move(name), sample, log_density, std::move(space)};
}

at::Tensor uniform(int64_t rows, at::Generator& generator) {
  return at::rand({rows}, generator, at::kDouble);
}

// Uniform unit vectors, [rows, 3].
at::Tensor directions(int64_t rows, at::Generator& generator) {
  const at::Tensor normal = at::randn({rows, 3}, generator, at::kDouble);
  return normal / normal.norm(2, 1, true);
}

Component von_mises_fisher(double weight, const std::vector<double>& towards, double kappa) {
  at::Tensor mean = at::tensor(towards, at::kDouble);
  mean = mean / mean.norm();
  const double log_normaliser = std::log(kappa / (2 * pi)) - std::log1p(-std::exp(-2 * kappa));
  return {weight,
          [=](int64_t rows, at::Generator& generator) {
            const at::Tensor u = uniform(rows, generator);
            const at::Tensor along = 1 + (u + (1 - u) * std::exp(-2 * kappa)).log() / kappa;
            at::Tensor across = directions(rows, generator);
            across = across - across.mv(mean).unsqueeze(1) * mean;
            across = across / across.norm(2, 1, true);
            const at::Tensor radius = (1 - along.square()).clamp_min(0).sqrt();
            return along.unsqueeze(1) * mean + radius.unsqueeze(1) * across;
          },
          [=](const at::Tensor& x) { return log_normaliser + kappa * (x.mv(mean) - 1); }};
}

// N(mean, root root^T) on angles, wrapped. Turns beyond the second would weigh exp(-5^2 pi^2/2).
Component wrapped_normal(double weight, const std::vector<double>& mean_angles,
                         const std::vector<double>& lower_root) {
  const at::Tensor mean = at::tensor(mean_angles, at::kDouble);
  const at::Tensor root = at::tensor(lower_root, at::kDouble).view({2, 2});
  const double log_normaliser = std::log(2 * pi) + root.diagonal().log().sum().item<double>();
  const at::Tensor turn = 2 * pi * at::arange(-2, 3, at::kDouble);
  const at::Tensor turns = at::cartesian_prod({turn, turn});  // [25, 2]
  return {
      weight,
      [=](int64_t rows, at::Generator& generator) {
        const at::Tensor x = mean + at::randn({rows, 2}, generator, at::kDouble).matmul(root.t());
        return x - 2 * pi * ((x - pi) / (2 * pi)).ceil();
      },
      [=](const at::Tensor& x) {
        const at::Tensor offset = x - mean;
        const at::Tensor nearest = offset - 2 * pi * (offset / (2 * pi)).round();
        const at::Tensor all = (nearest.unsqueeze(1) + turns).view({-1, 2});
        const at::Tensor white = at::linalg_solve_triangular(root, all.t(), /*upper=*/false);
        const at::Tensor squares = white.square().sum(0).view({-1, turns.size(0)});
        return at::logsumexp(squares / -2, 1) - log_normaliser;
      }};
}

// Rotations by |v| about v, [b, 3] -> [b, 3, 3] (Rodrigues).
at::Tensor rotations(const at::Tensor& v) {
  const at::Tensor angle = v.norm(2, 1, true).clamp_min(1e-300).unsqueeze(2);
  const auto axis = (v.unsqueeze(2) / angle).unbind(1);
  const at::Tensor zero = at::zeros_like(axis[0]);
  const at::Tensor cross =
      at::cat({zero, -axis[2], axis[1], axis[2], zero, -axis[0], -axis[1], axis[0], zero}, 1)
          .view({-1, 3, 3});
  return at::eye(3, at::kDouble) + angle.sin() * cross + (1 - angle.cos()) * cross.matmul(cross);
}

// The heat kernel's coefficients (2 l + 1) exp(-l (l + 1) tau/2), [kDegrees].
at::Tensor coefficients(double tau) {
  const at::Tensor l = at::arange(kDegrees, at::kDouble);
  return (2 * l + 1) * (l * (l + 1) * (-tau / 2)).exp();
}

// The angle's distribution function: with its density (1 - cos w)/pi, the series is
// (1/pi) sum_l (2 l + 1) exp(..) (sin(l w)/l - sin((l + 1) w)/(l + 1)).
at::Tensor angle_distribution(const at::Tensor& angle, const at::Tensor& weights) {
  const at::Tensor l = at::arange(1, kDegrees + 1, at::kDouble);
  const at::Tensor waves = (angle.unsqueeze(1) * l).sin() / l;  // [b, kDegrees], of 1, 2, ...
  const at::Tensor before = at::cat({angle.unsqueeze(1), waves.slice(1, 0, -1)}, 1);
  return (before - waves).mv(weights) / pi;
}

at::Tensor heat_kernel_angles(int64_t rows, double tau, at::Generator& generator) {
  const at::Tensor weights = coefficients(tau), u = uniform(rows, generator);
  const at::Tensor nodes = at::linspace(0, pi, kNodes + 1, at::kDouble);
  const at::Tensor after = at::searchsorted(angle_distribution(nodes, weights), u).clamp(1, kNodes);
  at::Tensor low = nodes.index_select(0, after - 1), high = nodes.index_select(0, after);
  for (int64_t i = 0; i < kBisections; ++i) {
    const at::Tensor middle = (low + high) / 2;
    const at::Tensor above = angle_distribution(middle, weights) > u;
    high = at::where(above, middle, high);
    low = at::where(above, low, middle);
  }
  return (low + high) / 2;
}

Component rotation_heat_kernel(double weight, const std::vector<double>& axis_angle, double tau) {
  const at::Tensor centre = rotations(at::tensor(axis_angle, at::kDouble).unsqueeze(0))[0];
  return {weight,
          [=](int64_t rows, at::Generator& generator) {
            const at::Tensor angle = heat_kernel_angles(rows, tau, generator).unsqueeze(1);
            return centre.matmul(rotations(angle * directions(rows, generator))).flatten(1);
          },
          [=](const at::Tensor& x) {
            const at::Tensor relative = centre.t().matmul(x.view({-1, 3, 3}));
            const at::Tensor cosine = (relative.diagonal(0, 1, 2).sum(1) - 1) / 2;
            const at::Tensor odd = (relative - relative.transpose(1, 2)) / 2;
            const at::Tensor sine = (odd.square().sum(at::IntArrayRef{1, 2}) / 2).sqrt();
            const at::Tensor angle = at::atan2(sine, cosine);
            // sin((l + 1/2) w)/sin(w/2) = 1 + 2 sum_{m <= l} cos(m w)
            const at::Tensor waves =
                2 * (angle.unsqueeze(1) * at::arange(kDegrees, at::kDouble)).cos();
            const at::Tensor characters = waves.cumsum(1) - 1;
            const at::Tensor density = characters.mv(coefficients(tau)) / (8 * pi * pi);
            return density.clamp_min(1e-15).log();  // the series' rounding
          }};
}

// exp_m of N(0, sigma^2 I), m = exp_o(towards).
Component hyperbolic_normal(double weight, const std::vector<double>& towards, double sigma) {
  const at::Tensor out = at::tensor(towards, at::kDouble);
  auto from_origin = [](const at::Tensor& v) {  // [b, 2] -> [b, 3]
    const at::Tensor r = v.norm(2, 1, true).clamp_min(1e-300);
    return at::cat({r.cosh(), r.sinh() / r * v}, 1);
  };
  const at::Tensor mean = from_origin(out.unsqueeze(0))[0];
  // The Lorentz boost that takes the origin to m carries tangent vectors along the geodesic.
  const at::Tensor part = mean.slice(0, 1);
  at::Tensor boost = at::eye(3, at::kDouble);
  boost[0].copy_(mean);
  boost.select(1, 0).copy_(mean);
  boost.slice(0, 1).slice(1, 1) += at::outer(part, part) / (1 + mean[0]);
  return {weight,
          [=](int64_t rows, at::Generator& generator) {
            return from_origin(sigma * at::randn({rows, 2}, generator, at::kDouble)).matmul(boost);
          },
          [=](const at::Tensor& x) {
            // |x - m|^2 in Minkowski's form is 4 sinh^2(r/2): no cancellation near m.
            const at::Tensor gap = (x - mean).square();
            const at::Tensor chord = (gap.slice(1, 1).sum(1) - gap.select(1, 0)).clamp_min(0);
            const at::Tensor r = (2 * (chord.sqrt() / 2).asinh()).clamp_min(1e-12);
            return r.square() / (-2 * sigma * sigma) - std::log(2 * pi * sigma * sigma) +
                   (r / r.sinh()).log();
          }};
}

}  // namespace

std::vector<Twin> space_twins() {
  return {mixture("sphere_mixture", "sphere",
                  {von_mises_fisher(0.4, {1, 0.2, 0.3}, 20), von_mises_fisher(0.3, {-1, 1, 0}, 8),
                   von_mises_fisher(0.2, {0, -1, 1}, 50), von_mises_fisher(0.1, {0, 0.2, -1}, 3)}),
          mixture("torus_mixture", "torus",
                  {wrapped_normal(0.5, {-1.1, -0.8}, {0.35, 0, 0.2, 0.3}),
                   wrapped_normal(0.3, {-1.3, 2.6}, {0.4, 0, -0.3, 0.4}),
                   wrapped_normal(0.2, {2.9, 0.5}, {0.6, 0, 0, 0.9})}),
          mixture("so3_mixture", "so3",
                  {rotation_heat_kernel(0.5, {0.3, -0.5, 0.2}, 0.1),
                   rotation_heat_kernel(0.3, {2, 1, -1}, 0.15),
                   rotation_heat_kernel(0.2, {0, 0, 3}, 0.3)}),
          mixture("hyperbolic_mixture", "hyperbolic",
                  {hyperbolic_normal(0.5, {1.2, 0}, 0.4), hyperbolic_normal(0.3, {-0.7, 1.3}, 0.3),
                   hyperbolic_normal(0.2, {-0.5, -1}, 0.6)})};
}

}  // namespace ornstein::points
