#include "framework/nn/time_embedding.h"

#include <gtest/gtest.h>

namespace ornstein {
namespace {

TEST(TimeFeatures, LieOnUnitCircles) {
  const at::Tensor t = at::linspace(-5, 5, 7, at::kDouble);
  const at::Tensor pairs = geometric_features(32, 0.5, 15)(t).unflatten(1, {2, 32});
  EXPECT_LT((pairs.square().sum(1) - 1).abs().max().item<double>(), 1e-14);
}

TEST(TimeFeatures, TurnAtGeometricFrequenciesFromLowestToHighest) {
  // A small t keeps every angle inside (-pi, pi), so that the frequencies can be read off.
  const at::Tensor features = geometric_features(16, 0.25, 4)(at::full({1}, 0.1, at::kDouble))[0];
  const at::Tensor f = at::atan2(features.slice(0, 0, 16), features.slice(0, 16)) / 0.1;
  EXPECT_NEAR(f[0].item<double>(), 0.25, 1e-12);
  EXPECT_NEAR(f[15].item<double>(), 4.0, 1e-12);
  const at::Tensor ratios = f.slice(0, 1) / f.slice(0, 0, 15);
  EXPECT_LT((ratios - std::pow(16.0, 1.0 / 15)).abs().max().item<double>(), 1e-12);
}

TEST(TimeFeatures, PositionalFrequenciesFallFromOneTowardsOneTenThousandth) {
  const at::Tensor t = at::full({1}, 0.1, at::kDouble);
  for (double shift : {0.0, 1.0}) {
    const at::Tensor features = positional_features(16, false, shift)(t)[0];
    const at::Tensor f = at::atan2(features.slice(0, 0, 8), features.slice(0, 8)) / 0.1;
    EXPECT_NEAR(f[0].item<double>(), 1.0, 1e-12);
    EXPECT_NEAR(f[7].item<double>(), std::pow(1e-4, 7.0 / (8.0 - shift)), 1e-12);
  }
}

TEST(TimeFeatures, FlippingPutsCosinesFirst) {
  const at::Tensor t = at::tensor({0.0, 3.5, 999.0});
  const at::Tensor sine_first = positional_features(16, false, 0)(t);
  const at::Tensor cosine_first = positional_features(16, true, 0)(t);
  EXPECT_TRUE(at::equal(sine_first.roll(8, 1), cosine_first));
  EXPECT_TRUE(at::equal(cosine_first[0].slice(0, 0, 8), at::ones({8})));
}

TEST(TimeFeatures, TakeWholeNumbersAsTimes) {
  const TimeFeatures features = positional_features(8, true, 0);
  EXPECT_TRUE(at::equal(features(at::arange(5)), features(at::arange(5, at::kFloat))));
}

}  // namespace
}  // namespace ornstein
