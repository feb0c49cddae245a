#include "framework/evaluation/pairs.h"

#include <gtest/gtest.h>

#include "tests/spaces/some_spaces.h"

namespace ornstein {
namespace {

std::vector<Space> separable_spaces() {
  std::vector<Space> spaces = some_spaces();
  std::erase_if(spaces, [](const Space& space) { return !has_separable_kernel(space); });
  return spaces;
}

// Row i of x beside every row of y.
at::Tensor beside(const at::Tensor& x, int64_t i, const at::Tensor& y) {
  return x.narrow(0, i, 1).expand(y.sizes()).contiguous();
}

TEST(Pairs, HaveTheDistancesOfTheSpace) {
  for (const Space& space : separable_spaces()) {
    const at::Tensor x = points(space, 5, 1000), y = points(space, 40, 2000);
    const at::Tensor distances = pair_distances(space, x, y);
    for (int64_t i = 0; i < 5; ++i)
      EXPECT_LT(largest(distances[i] - space.distance(beside(x, i, y), y)), 1e-7) << space.name();
  }
}

TEST(Pairs, HaveTheKernelsOfTheSpaceWithinTheReachOfItsErrors) {
  for (const Space& space : separable_spaces()) {
    const at::Tensor x = points(space, 3, 1000), far = points(space, 60, 2000);
    for (const double tau : {1e-3, 0.05, 0.2, 1.0}) {
      const at::Tensor y = at::cat({far, x, space.exp(x, vectors(space, x, std::sqrt(tau), 3000))});
      const at::Tensor kernels = pair_kernels(space, x, y, tau);
      for (int64_t i = 0; i < 3; ++i) {
        const at::Tensor time = at::full({}, tau, at::kDouble), here = beside(x, i, y);
        const at::Tensor there = space.heat_kernel(y, here, time).log_density;
        const at::Tensor together = space.heat_kernel(here, here, time).log_density;
        EXPECT_LT(largest(kernels[i] - (there - together).exp()), 1e-6) << space.name() << tau;
      }
    }
  }
}

// p_tau(x | y) is the integral over z of p_{tau/2}(x | z) p_{tau/2}(z | y).
TEST(Pairs, MakePositiveMatricesOfKernels) {
  for (const Space& space : separable_spaces()) {
    const at::Tensor x = points(space, 60, 4000);
    const at::Tensor eigenvalues = at::linalg_eigvalsh(pair_kernels(space, x, x, 0.3));
    EXPECT_GT(eigenvalues.min().item<double>(), -1e-3 / 60) << space.name();
  }
}

TEST(HeatKernelTable, IsAsGoodAsTheKernelBetweenItsNodes) {
  for (const int64_t d : {2, 3, 6})
    for (const double tau : {1e-6, 1e-3, 0.04, 0.3, 2.0}) {
      const HeatKernelTable sphere(Space({Sphere{d}}), tau), plane(Space({Hyperbolic{d}}), tau);
      for (double deviations = 0.001; deviations < 12; deviations += 0.0137) {
        const double r = deviations * std::sqrt(tau);
        EXPECT_NEAR(plane.log_density(&r), hyperbolic_kernel(d, r, tau).log_density, 1e-7)
            << d << " " << tau << " " << r;
        if (r < M_PI) {
          const double truth = sphere_kernel(d, r, tau).log_density;
          EXPECT_NEAR(sphere.log_density(&r), truth, 1e-6 + 1e-4 * (r > 2.6)) << d << " " << tau;
        }
      }
    }
}

TEST(Pairs, AreNotMadeOfRotationsOfFourDimensions) {
  EXPECT_FALSE(has_separable_kernel(Space({Rotations{4}})));
  EXPECT_THROW(HeatKernelTable(Space({Rotations{4}}), 1), c10::Error);
}

}  // namespace
}  // namespace ornstein
