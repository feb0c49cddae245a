#include "framework/evaluation/two_sample.h"

#include <gtest/gtest.h>

#include <numbers>

#include "framework/evaluation/energy_distance.h"
#include "tests/spaces/some_spaces.h"

namespace ornstein {
namespace {

using std::numbers::pi;

const Space kSphere({Sphere{2}});

at::Tensor uniform(int64_t rows, uint64_t number) {
  return points(kSphere, rows, random_key(Stream::kTwin, {number}));
}

TEST(GeodesicEnergy, OfEuclideanSpaceIsTheEnergyDistance) {
  const Space space({Euclidean{3}});
  const at::Tensor x = points(space, 20, 1000), y = 2 * points(space, 30, 2000);
  const TwoSampleTest geodesic = geodesic_energy_test(space, x, y, 99);
  EXPECT_NEAR(geodesic.distance, energy_distance(x, y), 1e-12);
  EXPECT_EQ(geodesic.p_value, energy_test(x, y, 99).p_value);
}

TEST(TwoSample, OfTwoPointsIsTwiceTheirDistance) {
  const at::Tensor a = points(kSphere, 1, 1000), b = points(kSphere, 1, 2000);
  const at::Tensor x = a.expand({3, 3}), y = b.expand({5, 3});
  EXPECT_NEAR(geodesic_energy_test(kSphere, x, y, 1).distance,
              2 * kSphere.distance(a, b).item<double>(), 1e-12);
  const double r = kSphere.distance(a, b).item<double>();
  const double kernel =
      std::exp(sphere_kernel(2, r, 0.4).log_density - sphere_kernel(2, 0, 0.4).log_density);
  EXPECT_NEAR(mmd_test(kSphere, x, y, 0.4, 1).distance, 2 * (1 - kernel), 1e-6);
}

// E p_tau(x | b) is one over the volume for uniform x, whatever b.
TEST(Mmd, OfThePoleAndTheUniformLawIsUnbiased) {
  const double tau = 0.5, at_zero = std::exp(sphere_kernel(2, 0, tau).log_density);
  const int64_t repeats = 200;
  const at::Tensor pole = points(kSphere, 1, 1000).expand({4, 3});
  at::Tensor values = at::empty({repeats}, at::kDouble);
  for (int64_t i = 0; i < repeats; ++i)
    values[i] = mmd_test(kSphere, uniform(12, i), pole, tau, 1).distance;
  const double error = values.std().item<double>() / std::sqrt(static_cast<double>(repeats));
  EXPECT_NEAR(values.mean().item<double>(), 1 - 1 / (4 * pi * at_zero), 4 * error);
}

TEST(TwoSample, HasUniformPValuesUnderEqualLaws) {
  const int64_t repeats = 200;
  at::Tensor energy = at::empty({repeats}, at::kDouble), mmd = at::empty_like(energy);
  for (int64_t i = 0; i < repeats; ++i) {
    const at::Tensor x = uniform(10, 2 * i), y = uniform(14, 2 * i + 1);
    energy[i] = geodesic_energy_test(kSphere, x, y, 99, i).p_value;
    mmd[i] = mmd_test(kSphere, x, y, 0.2, 99, i).p_value;
  }
  // Kolmogorov and Smirnov: 1.95/sqrt(n) is exceeded once in a thousand.
  const at::Tensor expected = at::arange(1, repeats + 1, at::kDouble) / repeats;
  for (const at::Tensor& p : {energy, mmd})
    EXPECT_LT(largest(std::get<0>(p.sort()) - expected), 1.95 / std::sqrt(repeats) + 0.01);
}

TEST(TwoSample, TellsLawsApartOnEverySpace) {
  for (const Space& space : {kSphere, Space({Torus{3}}), Space({Rotations{3}}),
                             Space({Hyperbolic{2}}), make_space("product:sphere3,torus2", 5)}) {
    const at::Tensor x = points(space, 80, 1000), y = points(space, 80, 2000);
    const at::Tensor moved = space.exp(y, 0.8 * space.log(y, x.narrow(0, 0, 1).expand_as(y)));
    EXPECT_EQ(geodesic_energy_test(space, x, moved, 499).p_value, 1.0 / 500) << space.name();
    EXPECT_EQ(mmd_test(space, x, moved, 0.2, 499).p_value, 1.0 / 500) << space.name();
    EXPECT_GT(mmd_test(space, x, y, 0.2, 499).p_value, 0.01) << space.name();
  }
}

TEST(TwoSample, DoesNotChangeUnderARotationOfAllRows) {
  const at::Tensor turn = points(Space({Rotations{3}}), 1, 5000).view({3, 3});
  const at::Tensor x = points(kSphere, 30, 1000), y = points(kSphere, 20, 2000);
  EXPECT_NEAR(mmd_test(kSphere, x, y, 0.1, 1).distance,
              mmd_test(kSphere, x.matmul(turn), y.matmul(turn), 0.1, 1).distance, 1e-8);
  EXPECT_NEAR(geodesic_energy_test(kSphere, x, y, 1).distance,
              geodesic_energy_test(kSphere, x.matmul(turn), y.matmul(turn), 1).distance, 1e-8);
}

}  // namespace
}  // namespace ornstein
