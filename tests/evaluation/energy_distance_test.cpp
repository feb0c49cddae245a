#include "framework/evaluation/energy_distance.h"

#include <gtest/gtest.h>

#include "framework/base/random.h"

namespace ornstein {
namespace {

TEST(EnergyDistance, OfTwoPointsIsTwiceTheirDistance) {
  const at::Tensor x = at::zeros({3, 2}), y = at::tensor({3.0f, 4.0f}).expand({5, 2});
  EXPECT_DOUBLE_EQ(energy_distance(x, y), 10);
  EXPECT_DOUBLE_EQ(energy_distance(x, x), 0);
}

// Of N(0, 1) and N(m, 1): E|x - y| = 2/sqrt(pi) exp(-m^2/4) + m erf(m/2).
TEST(EnergyDistance, OfShiftedNormalsIsUnbiased) {
  const double m = 0.8;
  const double truth = 2 * (2 / std::sqrt(M_PI) * std::expm1(-m * m / 4) + m * std::erf(m / 2));
  auto generator = make_generator(1);
  const int64_t repeats = 400;
  at::Tensor shifted = at::zeros({repeats}, at::kDouble), equal = at::zeros_like(shifted);
  for (int64_t i = 0; i < repeats; ++i) {
    const at::Tensor x = at::randn({12, 1}, generator, at::kDouble);
    const at::Tensor y = at::randn({20, 1}, generator, at::kDouble);
    shifted[i] = energy_distance(x, y + m);
    equal[i] = energy_distance(x, y);
  }
  for (const auto& [values, expected] : {std::pair{shifted, truth}, {equal, 0.0}}) {
    const double error = values.std().item<double>() / std::sqrt(static_cast<double>(repeats));
    EXPECT_NEAR(values.mean().item<double>(), expected, 4 * error);
  }
}

TEST(EnergyTest, HasUniformPValuesUnderEqualLaws) {
  auto generator = make_generator(2);
  const int64_t repeats = 200;
  at::Tensor p = at::zeros({repeats}, at::kDouble);
  for (int64_t i = 0; i < repeats; ++i) {
    const at::Tensor x = at::randn({10, 3}, generator), y = at::randn({14, 3}, generator);
    p[i] = energy_test(x, y, 99, i).p_value;
  }
  // Kolmogorov and Smirnov: 1.95/sqrt(n) is exceeded once in a thousand.
  const at::Tensor sorted = std::get<0>(p.sort());
  const at::Tensor expected = at::arange(1, repeats + 1, at::kDouble) / repeats;
  EXPECT_LT((sorted - expected).abs().max().item<double>(), 1.95 / std::sqrt(repeats) + 0.01);
}

TEST(EnergyTest, TellsLawsApartThatDifferInSpreadAlone) {
  auto generator = make_generator(3);
  const at::Tensor x = at::randn({100, 4}, generator), y = 2 * at::randn({100, 4}, generator);
  const TwoSampleTest test = energy_test(x, y, 2000);
  EXPECT_DOUBLE_EQ(test.p_value, 1.0 / 2001);
  EXPECT_DOUBLE_EQ(test.distance, energy_distance(x, y));
  EXPECT_DOUBLE_EQ(energy_test(x, y, 2000).p_value, test.p_value);
}

}  // namespace
}  // namespace ornstein
