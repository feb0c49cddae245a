#include "framework/evaluation/kernel_density.h"

#include <gtest/gtest.h>

#include <numbers>

#include "tests/spaces/some_spaces.h"

namespace ornstein {
namespace {

using std::numbers::pi;

const Space kSphere({Sphere{2}});

// Directions of this concentration about the pole, nearly: a Brownian motion of this time.
at::Tensor cap(const Space& space, int64_t rows, double tau, uint64_t seed) {
  at::Generator generator = make_generator(random_key(Stream::kTwin, {seed}));
  const at::Tensor pole = points(space, 1, 7000).expand({rows, space.ambient()}).contiguous();
  return space.brownian(pole, at::full({}, tau, at::kDouble), generator, 50);
}

TEST(KernelDensity, OfOneCentreIsTheHeatKernel) {
  for (const Space& space :
       {kSphere, Space({Torus{2}}), Space({Rotations{3}}), Space({Hyperbolic{2}}),
        Space({Euclidean{3}}), make_space("product:sphere3,torus1", 4)}) {
    const at::Tensor centre = points(space, 1, 1000), x = points(space, 50, 2000);
    const at::Tensor truth =
        space.heat_kernel(x, centre.expand_as(x).contiguous(), at::full({}, 0.3, at::kDouble))
            .log_density;
    EXPECT_LT(largest(KernelDensity(space, centre, 0.3).log_density(x) - truth), 1e-5)
        << space.name();
  }
}

TEST(KernelDensity, IsUniformWhereEpsilonIsOne) {
  const KernelDensity density(kSphere, cap(kSphere, 20, 0.01, 1000), 1e-3, 1);
  EXPECT_LT(largest(density.log_density(points(kSphere, 30, 2000)) + std::log(4 * pi)), 1e-14);
}

TEST(KernelDensity, HasMassOneOnTheSphere) {
  const at::Tensor centres = at::cat({cap(kSphere, 30, 0.3, 1000), points(kSphere, 10, 2000)});
  const int64_t rings = 100, sectors = 200;
  const at::Tensor theta = (at::arange(rings, at::kDouble) + 0.5) * (pi / rings);
  const at::Tensor phi = (at::arange(sectors, at::kDouble) + 0.5) * (2 * pi / sectors);
  const auto grid = at::meshgrid({theta, phi}, "ij");
  const at::Tensor sine = grid[0].sin();
  const at::Tensor x =
      at::stack({sine * grid[1].cos(), sine * grid[1].sin(), grid[0].cos()}, -1).flatten(0, 1);
  const at::Tensor areas = sine.flatten() * (pi / rings) * (2 * pi / sectors);
  for (const double tau : {0.01, 0.1, 1.0}) {
    const KernelDensity density(kSphere, centres, tau, 0.1);
    EXPECT_NEAR((density.log_density(x).exp() * areas).sum().item<double>(), 1, 2e-4) << tau;
  }
}

// The scale of the bandwidths is that of the rows.
TEST(KernelDensity, FollowsAChangeOfUnit) {
  const Space line({Euclidean{2}});
  const at::Tensor train = points(line, 150, 1000), x = points(line, 40, 2000);
  const KernelDensity density = fit_kernel_density(line, train);
  const KernelDensity larger = fit_kernel_density(line, 1000 * train);
  EXPECT_NEAR(larger.bandwidth() / density.bandwidth(), 1000, 1e-6);
  EXPECT_LT(largest(larger.log_density(1000 * x) + 2 * std::log(1000.0) - density.log_density(x)),
            1e-8);
}

TEST(KernelDensity, FollowsARotationOfAllRows) {
  const at::Tensor turn = points(Space({Rotations{3}}), 1, 5000).view({3, 3});
  const at::Tensor train = cap(kSphere, 200, 0.05, 1000), x = cap(kSphere, 40, 0.05, 2000);
  const KernelDensity density = fit_kernel_density(kSphere, train);
  const KernelDensity turned = fit_kernel_density(kSphere, train.matmul(turn));
  EXPECT_LT(largest(turned.log_density(x.matmul(turn)) - density.log_density(x)), 1e-6);
}

// Its mean log density on fresh rows is below the truth's, and not by much.
TEST(KernelDensity, ComesNearTheLawThatRowsAreFrom) {
  struct Law {
    Space space;
    double tau;
  };
  for (const auto& [space, tau] :
       {Law{kSphere, 0.1}, Law{Space({Torus{2}}), 0.3}, Law{Space({Rotations{3}}), 0.1},
        Law{Space({Hyperbolic{2}}), 0.5}}) {
    const at::Tensor train = cap(space, 500, tau, 1000), x = cap(space, 500, tau, 2000);
    const at::Tensor pole = points(space, 1, 7000).expand_as(x).contiguous();
    const at::Tensor gap = space.heat_kernel(x, pole, at::full({}, tau, at::kDouble)).log_density -
                           fit_kernel_density(space, train).log_density(x);
    const double mean = gap.mean().item<double>();
    EXPECT_GT(mean, -4 * gap.std().item<double>() / std::sqrt(500.0)) << space.name();
    EXPECT_LT(mean, 0.15) << space.name();
  }
}

TEST(KernelDensity, GoesToTheSmallestBandwidthWhereAllRowsRepeat) {
  const at::Tensor once = cap(kSphere, 100, 0.1, 1000);
  const KernelDensity density = fit_kernel_density(kSphere, once);
  const KernelDensity twice = fit_kernel_density(kSphere, at::cat({once, once}));
  EXPECT_GT(density.bandwidth(), 0.02);
  EXPECT_LT(twice.bandwidth(), 1e-4);
}

TEST(KernelDensity, HasNoUniformPartWhereThereIsNoVolume) {
  const Space line({Euclidean{1}});
  EXPECT_THROW(KernelDensity(line, at::zeros({2, 1}), 1, 0.1), c10::Error);
  EXPECT_EQ(fit_kernel_density(line, points(line, 30, 1000)).epsilon(), 0);
}

}  // namespace
}  // namespace ornstein
