#include "framework/spaces/rotations.h"

#include <numbers>

#include "framework/spaces/quaternion.h"
#include "framework/spaces/random_walk.h"
#include "framework/spaces/smooth.h"
#include "framework/spaces/sphere.h"
#include "framework/spaces/torus.h"

namespace ornstein {

using std::numbers::pi;

namespace {

constexpr double kSwitch = 0.5;  // of tau
constexpr int kLevels = 13;      // exp(-13 * 14/4) is below rounding

at::Tensor identity(int64_t n, const at::Tensor& like) { return at::eye(n, like.options()); }

at::Tensor skew_part(const at::Tensor& a) { return (a - a.mT()) / 2; }

// The rotation halfway to r: the orthogonal factor of 1 + r, by Newton's iteration (Higham 1986),
// which doubles the smallest singular value, 2 cos(angle/2), until it is near one.
at::Tensor half_way(const at::Tensor& r, int iterations) {
  at::Tensor u = (identity(r.size(-1), r) + r) / 2;
  for (int i = 0; i < iterations; ++i) u = (u + at::linalg_inv(u).mT()) / 2;
  return u;
}

// log of rotations [b, n, n]: four square roots leave angles below pi/16, and Cayley's transform
// (r - 1)(r + 1)^-1 has i tan(angle/2) for them: log = 2 atanh of it.
at::Tensor matrix_log(const at::Tensor& r) {
  constexpr int kRoots = 4, kPowers = 8;  // tan(pi/32)^17 is below rounding
  at::Tensor u = half_way(r, 22);
  for (int i = 1; i < kRoots; ++i) u = half_way(u, 5);
  const at::Tensor one = identity(r.size(-1), r);
  const at::Tensor cayley = skew_part(at::linalg_solve(u + one, u - one));
  const at::Tensor square = cayley.matmul(cayley);
  at::Tensor sum = one / (2 * kPowers - 1.0);
  for (int k = kPowers - 1; k >= 1; --k) sum = one / (2 * k - 1.0) + square.matmul(sum);
  return cayley.matmul(sum) * (2 * (1 << kRoots));
}

// The rotation vector of r [b, 3, 3], length at most pi.
at::Tensor rotation_vector(const at::Tensor& r) {
  const at::Tensor q = quaternion_of(r);
  const at::Tensor sine = q.slice(1, 1), squared = sine.square().sum(1, true);
  return 2 * angle_over_sine(squared, q.slice(1, 0, 1)) * sine;
}

at::Tensor in_plane(const at::Tensor& angle) {  // [b] -> [b, 2, 2], skew
  const at::Tensor zero = at::zeros_like(angle);
  return at::stack({zero, -angle, angle, zero}, 1).view({-1, 2, 2});
}

at::Tensor turn_of(const at::Tensor& r) {  // [b, 2, 2] -> [b]
  const auto e = r.reshape({-1, 4}).unbind(1);
  return at::atan2(e[2] - e[1], e[0] + e[3]);
}

// The skew matrix log(x^T y), [b, n, n].
at::Tensor log_between(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor r = x.mT().matmul(y);
  if (x.size(-1) == 2) return in_plane(turn_of(r));
  return x.size(-1) == 3 ? skew_of(rotation_vector(r)) : matrix_log(r);
}

// Principal term of the kernel of SO(n) and its gradient, as functions of the skew matrix v =
// log(x^T y) [b, n, n] float64. The amplitude is a symmetric function of the eigenvalues t of -i v;
// its gradient has the same eigenvectors.
HeatKernel principal_kernel(const at::Tensor& v, const at::Tensor& tau) {
  const auto n = static_cast<double>(v.size(-1)), d = n * (n - 1) / 2;
  const at::Tensor times = row_times(tau, v);
  const auto [t, vectors] = at::linalg_eigh(v * c10::complex<double>(0, -1));
  const at::Tensor b = (t.unsqueeze(2) + t.unsqueeze(1)) / 2;  // [b, n, n]
  const at::Tensor small = b.abs() < 1e-3, safe = at::where(small, 1, b);
  const at::Tensor log_ratio = at::where(small, b.square() / 6, (safe / safe.sin()).log());
  const at::Tensor slope = at::where(small, b / 3, 1 / safe - 1 / safe.tan());  // of log_ratio
  const at::Tensor pairs = at::ones_like(b).triu(1);
  const at::Tensor squared = v.square().sum({1, 2}) / 2;
  const at::Tensor log_density = -squared / (2 * times) - (2 * pi * times).log() * (d / 2) +
                                 times * (n * (n - 1) * (n - 2) / 48) +
                                 (log_ratio * pairs).sum({1, 2}) / 2;
  // d log_density / d t_j = sum over k != j of slope/4; v itself has d (-|v|^2/2)/dv = -v.
  const at::Tensor by_angle = ((slope * (pairs + pairs.mT())).sum(2) / 4);
  const at::Tensor spectral = at::imag(vectors.matmul(by_angle.unsqueeze(2) * vectors.mH())).neg();
  const at::Tensor gradient = skew_part(2 * spectral) - v / times.view({-1, 1, 1});
  return {log_density, gradient};
}

}  // namespace

RadialKernel so3_kernel(double w, double tau) {
  double density = 0, slope = 0;  // slope: -(d density/dw)/w
  const double half = w / 2;
  const double small = 1e-3;
  if (tau > kSwitch) {
    for (int l = 0; l <= kLevels; ++l) {
      const double weight = (2 * l + 1) * std::exp(-l * (l + 1) * tau / 2);
      // The character 1 + 2 sum_(k<=l) cos(k w), and its slope.
      double character = 1, character_slope = 0;
      for (int k = 1; k <= l; ++k) {
        character += 2 * std::cos(k * w);
        character_slope += 2 * k * (w < small ? k * (1 - k * k * w * w / 6) : std::sin(k * w) / w);
      }
      density += weight * character;
      slope += weight * character_slope;
    }
    return {std::log(density / (8 * pi * pi)), slope / density};
  }
  // m = 0, relative to exp(-w^2/(2 tau)).
  const double ratio = w < small ? 1 + half * half / 6 : half / std::sin(half);
  density = ratio;
  const double own = w < small ? 1.0 / 12 : (1 / w - 1 / std::tan(half) / 2) / w;  // (log ratio)'/w
  slope = ratio * (1 / tau - own);
  if (w > 1) {  // m = -1; below w = 1 it weighs less than exp(-19)
    const double far = 2 * pi - w, far_half = far / 2;
    const double weight = std::exp((w * w - far * far) / (2 * tau)) * far_half / std::sin(far_half);
    density += weight;
    slope -= weight * (far / tau - (1 / far - 1 / std::tan(far_half) / 2)) / w;
  }
  return {std::log(density) - w * w / (2 * tau) + tau / 8 - 1.5 * std::log(2 * pi * tau),
          slope / density};
}

std::string Rotations::name() const { return fmt::format("so{}", n); }

double Rotations::log_volume() const {
  double sum = 0;
  for (int64_t k = 1; k < n; ++k) sum += log_sphere_volume(k);
  return sum;
}

at::Tensor Rotations::defect(const at::Tensor& x) const {
  const at::Tensor m = matrix(x);
  const at::Tensor off = (m.mT().matmul(m) - identity(n, x)).flatten(1).norm(2, 1);
  return off + 2 * (at::linalg_det(m) < 0).to(x.scalar_type());
}

at::Tensor Rotations::project(const at::Tensor& x) const {
  const at::NoGradGuard no_gradients;
  const auto [u, ignored, vh] = at::linalg_svd(matrix(x), false);
  at::Tensor sign = at::ones({x.size(0), 1, n}, x.options());
  sign.select(2, n - 1).copy_(at::linalg_det(u.matmul(vh)).sign().unsqueeze(1));
  return (u * sign).matmul(vh).flatten(1);
}

at::Tensor Rotations::tangent(const at::Tensor& x, const at::Tensor& v) const {
  const at::Tensor m = matrix(x);
  return m.matmul(skew_part(m.mT().matmul(matrix(v)))).flatten(1);
}

at::Tensor Rotations::lowered(const at::Tensor& v) const { return v / 2; }

at::Tensor Rotations::tangent_from(const at::Tensor& x, const at::Tensor& noise) const {
  const at::Tensor pair = at::triu_indices(n, n, 1, x.options().dtype(at::kLong));
  const at::Tensor upper = at::zeros({x.size(0), n * n}, x.options())
                               .index_copy(1, pair[0] * n + pair[1], noise)
                               .view({-1, n, n});
  return matrix(x).matmul(upper - upper.mT()).flatten(1);
}

at::Tensor Rotations::frame(const at::Tensor& x) const {
  const int64_t d = dimension(), b = x.size(0);
  const at::Tensor each = x.unsqueeze(1).expand({b, d, n * n}).reshape({b * d, n * n});
  const at::Tensor unit = at::eye(d, x.options()).repeat({b, 1});
  return tangent_from(each, unit).view({b, d, n * n});
}

at::Tensor Rotations::exp(const at::Tensor& x, const at::Tensor& v) const {
  const at::Tensor m = matrix(x), step = skew_part(m.mT().matmul(matrix(v)));
  if (n > 3) return m.matmul(at::linalg_matrix_exp(step)).flatten(1);
  if (n == 2) {
    const at::Tensor angle = step.select(1, 1).select(1, 0).view({-1, 1, 1});
    const at::Tensor quarter = in_plane(at::ones({1}, x.options()));
    return m.matmul(angle.cos() * identity(2, x) + angle.sin() * quarter).flatten(1);
  }
  const at::Tensor axis = axis_of(step), squared = axis.square().sum(1, true) / 4;
  const at::Tensor q = at::cat({cos_of_root(squared), sinc_of_root(squared) * axis / 2}, 1);
  return m.matmul(rotation_of(q)).flatten(1);
}

at::Tensor Rotations::log(const at::Tensor& x, const at::Tensor& y) const {
  const at::Tensor m = matrix(x);
  return m.matmul(log_between(m, matrix(y))).flatten(1);
}

at::Tensor Rotations::distance(const at::Tensor& x, const at::Tensor& y) const {
  return root(log_between(matrix(x), matrix(y)).square().sum({1, 2}) / 2);
}

// Along x e^(t V) a vector x A goes to x e^(V/2) A e^(V/2): half by each translation.
at::Tensor Rotations::transport(const at::Tensor& x, const at::Tensor& y,
                                const at::Tensor& v) const {
  const at::Tensor m = matrix(x);
  const at::Tensor half = at::linalg_matrix_exp(log_between(m, matrix(y)) / 2);
  return m.matmul(half).matmul(m.mT()).matmul(matrix(v)).matmul(half).flatten(1);
}

at::Tensor Rotations::reference_sample(int64_t rows, at::Generator& generator,
                                       const at::TensorOptions& options) const {
  if (n == 3) return rotation_of(Sphere{3}.reference_sample(rows, generator, options)).flatten(1);
  auto [q, r] = at::linalg_qr(at::randn({rows, n, n}, generator, options));
  q = q * r.diagonal(0, 1, 2).sign().unsqueeze(1);  // else q is not uniform
  const at::Tensor turned = at::ones({rows, 1, n}, options);
  turned.select(2, 0).copy_(at::linalg_det(q).sign().unsqueeze(1));
  return (q * turned).flatten(1);
}

at::Tensor Rotations::reference_log_density(const at::Tensor& x) const {
  return at::full({x.size(0)}, -log_volume(), x.options());
}

at::Tensor Rotations::reference_score(const at::Tensor& x) const { return at::zeros_like(x); }

at::Tensor Rotations::brownian(const at::Tensor& x, const at::Tensor& tau, at::Generator& generator,
                               int64_t steps) const {
  const at::NoGradGuard no_gradients;
  const at::Tensor times = row_times(tau, x);
  if (n == 2) return walk_step(*this, x, {}, times, generator);
  if (n > 3) return random_walk(*this, x, times, steps, generator);
  const at::Tensor one = at::tensor({1.0, 0.0, 0.0, 0.0}, x.options()).expand({x.size(0), 4});
  const at::Tensor q = Sphere{3}.brownian(one, times / 4, generator);
  return matrix(x).matmul(rotation_of(q)).flatten(1);
}

HeatKernel Rotations::heat_kernel(const at::Tensor& x, const at::Tensor& y,
                                  const at::Tensor& tau) const {
  const at::NoGradGuard no_gradients;
  const at::Tensor there = matrix(x.to(at::kDouble)), here = matrix(y.to(at::kDouble));
  HeatKernel kernel;
  const at::Tensor toward = log_between(there, here);
  if (n > 3) {
    kernel = principal_kernel(toward, tau.to(at::kDouble));
    kernel.score = there.matmul(kernel.score.neg()).flatten(1);
  } else {
    const at::Tensor r = (toward.square().sum({1, 2}) / 2).sqrt();
    kernel = radial_heat_kernel(r, there.matmul(toward).flatten(1), tau,
                                n == 2 ? circle_kernel : so3_kernel);
  }
  return {kernel.log_density.to(x.scalar_type()), kernel.score.to(x.scalar_type())};
}

}  // namespace ornstein
