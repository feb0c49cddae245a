#include "framework/diffusion/gaussian_path.h"

#include <gtest/gtest.h>

#include "framework/base/random.h"

namespace ornstein {
namespace {

at::Tensor times(std::vector<double> t) { return at::tensor(t, at::kDouble); }

TEST(GaussianPath, VariancePreservingPathsKeepUnitVariance) {
  const at::Tensor t = at::linspace(0, 1, 101, at::kDouble);
  for (const auto& path : {vp_path(), ou_path(), log_snr_path()}) {
    const at::Tensor variance = path.alpha(t).square() + path.sigma(t).square();
    EXPECT_LT((variance - 1).abs().max().item<double>(), 1e-14);
  }
}

TEST(GaussianPath, NoiseRatioIsSigmaOverAlpha) {
  const at::Tensor t = times({1e-5, 0.01, 0.3, 1});
  for (const auto& path : {vp_path(), edm_path(), ou_path(), log_snr_path(), ve_path(0.01, 50)}) {
    EXPECT_TRUE(at::allclose(path.noise_ratio(t), path.sigma(t) / path.alpha(t), 1e-10, 0));
  }
}

TEST(GaussianPath, VpHasThePublishedStandardDeviations) {
  const at::Tensor expected = times({0.0104854, 0.3220525, 0.9596542, 0.9999784});
  const at::Tensor t = times({1e-3, 0.1, 0.5, 1});
  EXPECT_TRUE(at::allclose(vp_path().sigma(t), expected, 0, 5e-8));
  EXPECT_NEAR(vp_path().alpha(times({1})).item<double>(), 0.0065716, 5e-8);
}

TEST(GaussianPath, LogSnrIsLinearInTimeBetweenItsEnds) {
  const GaussianPath path = log_snr_path(8, -6, 0.1, 0.5);
  const at::Tensor log_snr = -2 * path.noise_ratio(times({0.1, 0.2, 0.5})).log();
  EXPECT_TRUE(at::allclose(log_snr, times({8, 4.5, -6}), 1e-12));
}

TEST(GaussianPath, ExplodingNoiseIsGeometricInTime) {
  const at::Tensor sigma = ve_path(0.01, 100).sigma(times({0, 0.25, 0.5, 1}));
  EXPECT_TRUE(at::allclose(sigma, times({0.01, 0.1, 1, 100}), 1e-12));
}

TEST(GaussianPath, Float32LosesNothingNearTheData) {
  const at::Tensor t = times({1e-5, 1e-4, 1e-3});
  for (const auto& path : {vp_path(), ou_path()}) {
    const at::Tensor single = path.sigma(t.to(at::kFloat)).to(at::kDouble);
    EXPECT_TRUE(at::allclose(single, path.sigma(t), 1e-6, 0));
  }
}

// Euler-Maruyama of dx = -beta/2 x dt + sqrt(beta) dw from x0 = 1.5, beta integrated by its own
// sum.
void expect_moments_of_the_sde(const GaussianPath& path, double end,
                               const std::function<double(double)>& beta) {
  const int64_t paths = 20000, steps = 1000;
  const double dt = end / steps;
  auto generator = make_generator(4);
  at::Tensor x = at::full({paths}, 1.5, at::kDouble);
  for (int64_t i = 0; i < steps; ++i) {
    const double rate = beta((static_cast<double>(i) + 0.5) * dt) * dt;
    x = x * (1 - rate / 2) + std::sqrt(rate) * at::randn({paths}, generator, at::kDouble);
  }
  const double sigma = path.sigma(times({end})).item<double>();
  EXPECT_NEAR(x.mean().item<double>(), 1.5 * path.alpha(times({end})).item<double>(),
              4 * sigma / std::sqrt(paths));
  EXPECT_NEAR(x.var().item<double>(), sigma * sigma, 4 * sigma * sigma * std::sqrt(2.0 / paths));
}

TEST(GaussianPath, MomentsAreThoseOfTheSimulatedEquation) {
  expect_moments_of_the_sde(vp_path(), 0.4, [](double t) { return 0.1 + 19.9 * t; });
  expect_moments_of_the_sde(ou_path(), 1, [](double) { return 2; });
}

}  // namespace
}  // namespace ornstein
