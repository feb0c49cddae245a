#include "framework/diffusion/prediction.h"

#include <gtest/gtest.h>

#include "framework/base/random.h"

namespace ornstein {
namespace {

constexpr double kSigmaData = 0.5;
constexpr Prediction kAll[] = {Prediction::noise, Prediction::data, Prediction::velocity,
                               Prediction::edm};

struct Example {
  at::Tensor x0, noise, sigma, y;
};

Example example() {
  auto generator = make_generator(5);
  const at::Tensor sigma = at::logspace(-3, 3, 7, 10, at::kDouble);
  const at::Tensor x0 = at::randn({7, 2, 3}, generator, at::kDouble);
  const at::Tensor noise = at::randn({7, 2, 3}, generator, at::kDouble);
  return {x0, noise, sigma, x0 + per_row(sigma, x0) * noise};
}

TEST(Prediction, ATargetHitExactlyGivesBackDataAndNoise) {
  const auto [x0, noise, sigma, y] = example();
  for (const Prediction prediction : kAll) {
    const at::Tensor target = regression_target(prediction, x0, noise, sigma, kSigmaData);
    const Estimate estimate = estimate_from(prediction, target, y, sigma, kSigmaData);
    EXPECT_TRUE(at::allclose(estimate.x0, x0, 1e-9, 1e-9)) << static_cast<int>(prediction);
    EXPECT_TRUE(at::allclose(estimate.noise, noise, 1e-9, 1e-9)) << static_cast<int>(prediction);
  }
}

TEST(Prediction, DataAndNoiseAlwaysAddUpToTheInput) {
  const auto [x0, noise, sigma, y] = example();
  for (const Prediction prediction : kAll) {
    const auto [data, unit] = estimate_from(prediction, x0.sin(), y, sigma, kSigmaData);
    EXPECT_TRUE(at::allclose(data + per_row(sigma, y) * unit, y, 1e-9, 1e-9));
  }
}

TEST(Prediction, VelocityIsTheVariancePreservingDerivative) {
  const auto [x0, noise, sigma, y] = example();
  const at::Tensor angle = per_row(sigma.atan(), y);  // x_t = cos x0 + sin e
  EXPECT_TRUE(at::allclose(regression_target(Prediction::velocity, x0, noise, sigma, 1),
                           angle.cos() * noise - angle.sin() * x0, 1e-12, 1e-12));
}

TEST(Prediction, EdmIsTheTableOfKarras) {
  const auto [x0, noise, sigma, y] = example();
  const at::Tensor s = per_row(sigma, y), q = s.square() + kSigmaData * kSigmaData;
  const at::Tensor skip = kSigmaData * kSigmaData / q, out = s * kSigmaData / q.sqrt();
  EXPECT_TRUE(at::allclose(estimate_from(Prediction::edm, noise, y, sigma, kSigmaData).x0,
                           skip * y + out * noise, 1e-12, 1e-12));
  EXPECT_TRUE(at::allclose(network_input(y, sigma, kSigmaData), y / q.sqrt(), 1e-12));
}

TEST(Prediction, EdmOfUnitDataIsMinusTheVelocity) {
  const auto [x0, noise, sigma, y] = example();
  EXPECT_TRUE(at::allclose(regression_target(Prediction::edm, x0, noise, sigma, 1),
                           -regression_target(Prediction::velocity, x0, noise, sigma, 1)));
}

// The target is linear in (x0, noise): its coefficients hold its law.
TEST(Prediction, EdmTargetHasUnitVarianceAndIsUncorrelatedWithItsInput) {
  const at::Tensor sigma = at::logspace(-3, 3, 7, 10, at::kDouble);
  const at::Tensor one = at::ones({7, 1}, at::kDouble), zero = at::zeros({7, 1}, at::kDouble);
  const auto of_x0 = regression_target(Prediction::edm, one, zero, sigma, kSigmaData).flatten();
  const auto of_noise = regression_target(Prediction::edm, zero, one, sigma, kSigmaData).flatten();
  const double variance = kSigmaData * kSigmaData;
  EXPECT_TRUE(at::allclose(of_x0.square() * variance + of_noise.square(), one.flatten(), 1e-12));
  EXPECT_LT((of_x0 * variance + of_noise * sigma).abs().max().item<double>(), 1e-12);
  const at::Tensor in = network_input(one, sigma, kSigmaData).flatten();
  EXPECT_TRUE(at::allclose(in.square() * (sigma.square() + variance), one.flatten(), 1e-12));
}

TEST(Prediction, NamesLeadBackToThePrediction) {
  ASSERT_EQ(prediction_names().size(), std::size(kAll));
  EXPECT_EQ(prediction_from("noise"), Prediction::noise);
  EXPECT_EQ(prediction_from("x0"), Prediction::data);
  EXPECT_EQ(prediction_from("v"), Prediction::velocity);
  EXPECT_EQ(prediction_from("edm"), Prediction::edm);
  EXPECT_THROW(prediction_from("epsilon"), c10::Error);
}

}  // namespace
}  // namespace ornstein
