#include "framework/spaces/divergence.h"

#include <gtest/gtest.h>

#include <numbers>

#include "tests/spaces/some_spaces.h"

namespace ornstein {
namespace {

using std::numbers::pi;

at::Tensor diagonal() { return at::tensor({1.0, 2.0, 3.0}, at::kDouble); }

// V = P_x A x on S^2, A = diag(1, 2, 3): div V = tr A - 3 x^T A x.
at::Tensor quadratic(const at::Tensor& x) {
  const at::Tensor ax = x * diagonal();
  return ax - (x * ax).sum(1, true) * x;
}

at::Tensor divergence_of_quadratic(const at::Tensor& x) {
  return 6 - 3 * (x.square() * diagonal()).sum(1);
}

TEST(ManifoldDivergence, OfAQuadraticFormsGradientIsItsLaplacian) {
  const Space space({Sphere{2}});
  const at::Tensor x = points(space, 50, 1);
  const auto [value, divergence] = exact_divergence(space, quadratic, x);
  EXPECT_LT(largest(value - quadratic(x)), 1e-15);
  EXPECT_LT(largest(divergence - divergence_of_quadratic(x)), 1e-12);
}

// The same field written otherwise off the sphere has another ambient trace, but no other
// divergence.
TEST(ManifoldDivergence, DoesNotDependOnTheFieldOffTheSpace) {
  const Space space({Sphere{2}});
  const at::Tensor x = points(space, 50, 1);
  auto scaled = [](const at::Tensor& y) { return quadratic(y) * y.square().sum(1, true); };
  EXPECT_LT(largest(exact_divergence(space, scaled, x).divergence - divergence_of_quadratic(x)),
            1e-12);
  const at::Tensor ambient = exact_divergence(scaled, x).divergence;
  EXPECT_GT((ambient - divergence_of_quadratic(x)).abs().min().item<double>(), 1e-3);
}

TEST(ManifoldDivergence, HutchinsonAveragesToTheExactOne) {
  const Space space({Sphere{2}});
  const at::Tensor one = points(space, 1, 3), x = one.expand({20000, 3}).contiguous();
  const double exact = divergence_of_quadratic(one).item<double>();
  for (const bool signs : {false, true}) {
    at::Generator generator = make_generator(5);
    at::Tensor noise = at::randn(x.sizes(), generator, x.options());
    if (signs) noise = noise.sign();
    const at::Tensor values = hutchinson_divergence(space, quadratic, x, noise).divergence;
    const double error = values.std().item<double>() / std::sqrt(20000.0);
    EXPECT_NEAR(values.mean().item<double>(), exact, 5 * error) << signs;
  }
}

// The squared distance to a point has gradient -2 log_x(p) and Laplacian 2 + 2 (d - 1) r T(r), T =
// 1/r, cot, coth, by curvature; on SO(3) 2 + 2 r cot(r/2), two directions of curvature 1/4.
TEST(ManifoldDivergence, GivesTheLaplacianOfTheSquaredDistance) {
  for (const Space& space : some_spaces()) {
    if (space.factors().size() > 1 || space.ambient() == 16) continue;
    const at::Tensor p = points(space, 6, 1), x = space.exp(p, vectors(space, p, 0.9, 2));
    const at::Tensor r = space.distance(x, p);
    const auto d = static_cast<double>(space.dimension());
    at::Tensor expected = 2 * d + 0 * r;
    if (space.name() == "sphere") expected = 2 + 2 * (d - 1) * r / r.tan();
    if (space.name() == "hyperbolic") expected = 2 + 2 * (d - 1) * r / r.tanh();
    if (space.name() == "so3") expected = 2 + 2 * r / (r / 2).tan();
    auto gradient = [&](const at::Tensor& y) { return -2 * space.log(y, p); };
    EXPECT_LT(largest(exact_divergence(space, gradient, x).divergence - expected), 1e-6)
        << space.name() << d;
  }
}

// Left-invariant fields, x A, are divergence free.
TEST(ManifoldDivergence, OfALeftInvariantFieldIsZero) {
  for (const int64_t n : {3, 4}) {
    const Space space({Rotations{n}});
    at::Tensor a = at::arange(n * n, at::kDouble).view({n, n});
    a = a - a.mT();
    auto field = [&](const at::Tensor& x) { return x.view({-1, n, n}).matmul(a).flatten(1); };
    EXPECT_LT(largest(exact_divergence(space, field, points(space, 5, 1)).divergence), 1e-12);
  }
}

TEST(ManifoldDivergence, OfAProductIsTheSum) {
  const Space space = make_space("product:sphere3,torus2", 5), sphere({Sphere{2}});
  const at::Tensor x = points(space, 10, 1);
  auto field = [](const at::Tensor& y) {
    return at::cat({quadratic(y.slice(1, 0, 3)) * y.slice(1, 3, 4).cos(), y.slice(1, 3).sin()}, 1);
  };
  const at::Tensor expected =
      divergence_of_quadratic(x.slice(1, 0, 3)) * x.select(1, 3).cos() + x.slice(1, 3).cos().sum(1);
  EXPECT_LT(largest(exact_divergence(space, field, x).divergence - expected), 1e-12);
}

TEST(ManifoldDivergence, CarriesAGraphToParametersWhereAsked) {
  const Space space({Sphere{2}});
  const at::Tensor x = points(space, 10, 1);
  const at::Tensor weight = at::full({1}, 2.0, at::kDouble).requires_grad_();
  auto field = [&](const at::Tensor& y) { return weight.square() * quadratic(y); };
  EXPECT_FALSE(exact_divergence(space, field, x).divergence.requires_grad());
  const at::Tensor sum = exact_divergence(space, field, x, Graph::kept).divergence.sum();
  const double slope = torch::autograd::grad({sum}, {weight})[0].item<double>();
  EXPECT_NEAR(slope, 4 * divergence_of_quadratic(x).sum().item<double>(), 1e-10);
}

// Denoising and implicit score matching differ by a constant: E|s - grad log p|^2 = 2 E(|s|^2/2 +
// div s) + c. Both sides by quadrature over the heat kernel of S^2 at two fields s.
TEST(ScoreMatching, DenoisingIsTwiceImplicitPlusAConstant) {
  const Space space({Sphere{2}});
  const double tau = 0.4;
  const int64_t nodes = 300, turns = 24;
  const at::Tensor c = (at::arange(nodes, at::kDouble) + 0.5) * (2.0 / nodes) - 1;
  const at::Tensor phi = at::arange(turns, at::kDouble) * (2 * pi / turns);
  const at::Tensor height = c.repeat_interleave(turns), angle = phi.repeat({nodes});
  const at::Tensor side = (1 - height.square()).sqrt();
  const at::Tensor x = at::stack({side * angle.cos(), side * angle.sin(), height}, 1);
  const at::Tensor start = at::tensor({0.0, 0.0, 1.0}, at::kDouble).expand_as(x);
  const HeatKernel kernel = space.heat_kernel(x, start, at::scalar_tensor(tau));
  const at::Tensor weight =
      kernel.log_density.exp() * (4 * pi / static_cast<double>(nodes * turns));
  EXPECT_NEAR(weight.sum().item<double>(), 1, 1e-4);
  std::vector<double> gaps;
  for (const double size : {0.3, -2.0}) {
    auto field = [&](const at::Tensor& y) {
      const at::Tensor push =
          at::tensor({0.5, -1.0, 2.0}, at::kDouble) * y.select(1, 0).exp().unsqueeze(1);
      return size * (quadratic(y) + space.tangent(y, push));
    };
    const auto [s, divergence] = exact_divergence(space, field, x);
    const double denoising = (weight * (s - kernel.score).square().sum(1)).sum().item<double>();
    const double implicit = (weight * (s.square().sum(1) / 2 + divergence)).sum().item<double>();
    gaps.push_back(denoising - 2 * implicit);
  }
  EXPECT_NEAR(gaps[0], gaps[1], 2e-3);
  EXPECT_NEAR(gaps[0], (weight * kernel.score.square().sum(1)).sum().item<double>(), 2e-3);
}

}  // namespace
}  // namespace ornstein
