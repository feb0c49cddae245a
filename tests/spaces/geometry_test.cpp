// Identities of exp, log, distance, transport and frames, on every space.
#include <gtest/gtest.h>

#include <numbers>

#include "tests/spaces/some_spaces.h"

namespace ornstein {
namespace {

using std::numbers::pi;

TEST(Geometry, ReferencePointsLieOnTheSpaceAndProjectionKeepsThem) {
  for (const Space& space : some_spaces()) {
    const at::Tensor x = points(space, 20, 1);
    EXPECT_LT(largest(space.defect(x)), 1e-12) << space.name();
    EXPECT_LT(largest(space.project(x) - x), 1e-12) << space.name();
    const at::Tensor moved = space.project(x + 0.1 * at::ones_like(x));
    EXPECT_LT(largest(space.defect(moved)), 1e-12) << space.name();
  }
}

TEST(Geometry, LogIsTheInverseOfExpWithinTheCutLocus) {
  for (const Space& space : some_spaces()) {
    const at::Tensor x = points(space, 20, 1), v = vectors(space, x, 0.8, 2);
    const at::Tensor y = space.exp(x, v);
    EXPECT_LT(largest(space.defect(y)), 1e-12) << space.name();
    EXPECT_LT(largest(space.log(x, y) - v), 1e-10) << space.name();
    EXPECT_LT(largest(space.distance(x, y).square() - squared_norm(space, v)), 1e-11)
        << space.name();
  }
}

TEST(Geometry, ExpOfLogReachesEveryOtherPoint) {
  for (const Space& space : some_spaces()) {
    const at::Tensor x = points(space, 20, 1), y = points(space, 20, 2);
    EXPECT_LT(largest(space.exp(x, space.log(x, y)) - y), 1e-8) << space.name();
  }
}

TEST(Geometry, DistanceIsAMetric) {
  for (const Space& space : some_spaces()) {
    const at::Tensor x = points(space, 40, 1), y = points(space, 40, 2), z = points(space, 40, 3);
    EXPECT_LT(largest(space.distance(x, y) - space.distance(y, x)), 1e-10) << space.name();
    EXPECT_LT(largest(space.distance(x, x)), 1e-7) << space.name();
    const at::Tensor detour = space.distance(x, z) + space.distance(z, y) - space.distance(x, y);
    EXPECT_GT(detour.min().item<double>(), -1e-10) << space.name();
  }
}

TEST(Geometry, FrameIsOrthonormalAndTangent) {
  for (const Space& space : some_spaces()) {
    const at::Tensor x = points(space, 5, 1), frame = space.frame(x);
    const int64_t d = space.dimension();
    ASSERT_EQ(frame.sizes(), at::IntArrayRef({5, d, space.ambient()}));
    for (int64_t i = 0; i < d; ++i) {
      EXPECT_LT(largest(space.tangent(x, frame.select(1, i)) - frame.select(1, i)), 1e-12);
      for (int64_t j = 0; j < d; ++j) {
        const at::Tensor product = inner(space, frame.select(1, i), frame.select(1, j));
        EXPECT_LT(largest(product - (i == j ? 1.0 : 0.0)), 1e-12) << space.name();
      }
    }
  }
}

TEST(Geometry, TangentProjectionIsTheFramesInEveryMetric) {
  for (const Space& space : some_spaces()) {
    const at::Tensor x = points(space, 5, 1);
    at::Generator generator = make_generator(4);
    const at::Tensor v = at::randn(x.sizes(), generator, x.options());
    at::Tensor sum = at::zeros_like(x);
    for (const at::Tensor& e : space.frame(x).unbind(1))
      sum = sum + inner(space, v, e).unsqueeze(1) * e;
    EXPECT_LT(largest(space.tangent(x, v) - sum), 1e-11) << space.name();
  }
}

// Sum over noise's axes of A_k A_k^T = sum of e_i e_i^T: unit variance in each direction, exactly.
TEST(Geometry, TangentNoiseHasUnitVarianceInEachDirection) {
  for (const Space& space : some_spaces()) {
    const at::Tensor x = points(space, 4, 1);
    at::Tensor of_noise = at::zeros({4, space.ambient(), space.ambient()}, x.options());
    for (int64_t k = 0; k < space.noise_size(); ++k) {
      at::Tensor unit = at::zeros({4, space.noise_size()}, x.options());
      unit.select(1, k).fill_(1);
      const at::Tensor column = space.tangent_from(x, unit);
      of_noise += column.unsqueeze(2) * column.unsqueeze(1);
    }
    const at::Tensor frame = space.frame(x);
    EXPECT_LT(largest(of_noise - frame.mT().matmul(frame)), 1e-11) << space.name();
  }
}

TEST(Geometry, TransportIsAnIsometryThatTurnsTheGeodesicIntoItself) {
  for (const Space& space : some_spaces()) {
    const at::Tensor x = points(space, 20, 1);
    const at::Tensor y = space.exp(x, vectors(space, x, 0.8, 2));
    const at::Tensor u = vectors(space, x, 1, 3), v = vectors(space, x, 1, 4);
    const at::Tensor moved = space.transport(x, y, u);
    EXPECT_LT(largest(space.tangent(y, moved) - moved), 1e-10) << space.name();
    EXPECT_LT(largest(inner(space, moved, space.transport(x, y, v)) - inner(space, u, v)), 1e-10)
        << space.name();
    EXPECT_LT(largest(space.transport(x, y, space.log(x, y)) + space.log(y, x)), 1e-9)
        << space.name();
  }
}

// The derivative of distance^2/2 in x is -log_x(y): at any distance, zero included.
TEST(Geometry, DistanceSquaredHasTheLogAsItsGradient) {
  for (const Space& space : some_spaces()) {
    const at::Tensor x = points(space, 6, 1).requires_grad_();
    at::Tensor y = space.exp(x, vectors(space, x, 0.7, 2)).detach().clone();
    y[0].copy_(x.detach()[0]);
    const at::Tensor half = space.distance(x, y).square().sum() / 2;
    const at::Tensor slope = torch::autograd::grad({half}, {x})[0];
    ASSERT_TRUE(slope.isfinite().all().item<bool>()) << space.name();
    for (const at::Tensor& e : space.frame(x.detach()).unbind(1))
      EXPECT_LT(largest((slope * e).sum(1) + inner(space, space.log(x.detach(), y), e)), 1e-7)
          << space.name();
  }
}

TEST(Geometry, GradientsAreFiniteAtDistanceZero) {
  for (const Space& space : some_spaces()) {
    for (const auto type : {at::kDouble, at::kFloat}) {
      const at::Tensor x = points(space, 3, 1, type).requires_grad_();
      const at::Tensor zero = at::zeros_like(x.detach()).requires_grad_();
      const at::Tensor y = x.detach();
      const at::Tensor value = space.exp(x, zero).sum() + space.log(x, y).sum() +
                               space.distance(x, y).sum() + space.transport(x, y, zero).sum();
      for (const at::Tensor& slope : torch::autograd::grad({value}, {x, zero}))
        EXPECT_TRUE(slope.isfinite().all().item<bool>()) << space.name();
      EXPECT_LT(largest(space.log(y, y)), type == at::kFloat ? 1e-3 : 1e-9) << space.name();
    }
  }
}

TEST(Sphere, LogReachesTheAntipodeAtTheDistancePi) {
  for (const auto type : {at::kDouble, at::kFloat}) {
    const Space space({Sphere{3}});
    const at::Tensor x = points(space, 10, 1, type);
    const at::Tensor v = space.log(x, -x);
    const double rounding = type == at::kFloat ? 1e-5 : 1e-12;
    EXPECT_LT(largest(v.norm(2, 1) - pi), rounding);
    EXPECT_LT(largest((v * x).sum(1)), rounding);
    EXPECT_LT(largest(space.exp(x, v) + x), rounding);
    EXPECT_LT(largest(space.distance(x, -x) - pi), rounding);
  }
}

TEST(Rotations, LogKeepsItsDigitsUpToHalfATurn) {
  const Space space({Rotations{3}});
  const at::Tensor x = points(space, 10, 1), v = vectors(space, x, 1, 2);
  const at::Tensor unit = v / squared_norm(space, v).sqrt().unsqueeze(1);
  for (const double angle : {1e-9, 1e-4, 1.0, pi - 1e-4, pi - 1e-9}) {
    const at::Tensor y = space.exp(x, unit * angle);
    EXPECT_LT(largest(space.log(x, y) - unit * angle), 1e-12 * std::max(1.0, angle)) << angle;
  }
  const at::Tensor y = space.exp(x, unit * pi).requires_grad_();
  const at::Tensor value = space.log(x, y).sum();
  EXPECT_TRUE(torch::autograd::grad({value}, {y})[0].isfinite().all().item<bool>());
}

TEST(Rotations, ProjectionIsTheNearestRotationAndReflectionsAreFarOff) {
  const Space space({Rotations{3}});
  const at::Tensor x = points(space, 10, 1);
  EXPECT_GT(space.defect(-x).min().item<double>(), 1);  // det(-x) = -1
  const at::Tensor off = x + 0.1 * vectors(space, x, 1, 3) + 0.1 * at::ones_like(x);
  const at::Tensor nearest = space.project(off);
  const at::Tensor gap = (off - nearest).norm(2, 1);
  for (uint64_t seed = 4; seed < 8; ++seed) {
    const at::Tensor other = space.exp(nearest, vectors(space, nearest, 0.1, seed));
    EXPECT_TRUE(((off - other).norm(2, 1) > gap).all().item<bool>());
  }
}

TEST(Hyperbolic, FloatRowsKeepDistancesFarFromTheOrigin) {
  const Space space({Hyperbolic{2}});
  at::Tensor x = at::zeros({1, 3}, at::kFloat), y = x.clone();
  x.select(1, 1).fill_(std::sinh(6.0));
  y.select(1, 1).fill_(std::sinh(6.5));
  EXPECT_NEAR(space.distance(space.project(x), space.project(y)).item<double>(), 0.5, 1e-6);
}

// The distances' own derivative is one: float32 loses no more than rounding near zero.
TEST(Sphere, SmallDistancesSurviveInFloat) {
  const Space space({Sphere{2}});
  const at::Tensor x = at::tensor({0.0F, 0.6F, 0.8F}).unsqueeze(0);
  const at::Tensor v = at::tensor({1e-4F, 0.0F, 0.0F}).unsqueeze(0);
  EXPECT_NEAR(space.distance(x, space.exp(x, v)).item<double>(), 1e-4, 2e-7);
}

}  // namespace
}  // namespace ornstein
