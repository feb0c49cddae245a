#include "framework/diffusion/likelihood.h"

#include <gtest/gtest.h>

#include "framework/base/random.h"
#include "tests/support/gaussian_oracle.h"

namespace ornstein {
namespace {

at::Tensor full_like_rows(const at::Tensor& x, double value) {
  return at::full({x.size(0)}, value, x.options());
}

GaussianOracle tilted() {
  return {at::zeros({3}),
          at::tensor({1.0, 0.8, 0.1, 0.8, 1.5, -0.3, 0.1, -0.3, 0.4}).reshape({3, 3})};
}

TEST(OdeLogLikelihood, IsTheDensityOfSmoothedGaussianData) {
  auto generator = make_generator(21);
  const at::Tensor x = tilted().sample(50, generator);
  // So wide that the data's covariance is not seen in the prior, to 1e-6.
  const LikelihoodGrid grid{.sigma_min = 0.05, .sigma_max = 2000, .steps = 160};
  const at::Tensor got = ode_log_likelihood(tilted(), x, grid, 2000.0 * 2000.0 + 1);
  const at::Tensor error = got - tilted().log_density(x, full_like_rows(x, 0.05));
  EXPECT_LT(error.abs().max().item<double>(), 1e-4);
}

TEST(OdeLogLikelihood, OfTheDefaultGridIsGoodToAFewThousandthsOfANat) {
  const GaussianOracle oracle(at::zeros({2}), at::eye(2) * 0.8);
  auto generator = make_generator(22);
  const at::Tensor x = oracle.sample(50, generator);
  const at::Tensor got = ode_log_likelihood(oracle, x, {}, 6400 + 0.8);
  const at::Tensor error = got - oracle.log_density(x, full_like_rows(x, 0.002));
  EXPECT_LT(error.abs().max().item<double>(), 2e-3);
}

TEST(OdeLogLikelihood, ErrorFallsWithTheFourthPowerOfTheStep) {
  const GaussianOracle oracle(at::zeros({2}), at::eye(2) * 0.8);
  const at::Tensor x = at::tensor({0.3, -1.2}, at::kDouble).unsqueeze(0);
  const auto error = [&](int64_t steps) {
    const LikelihoodGrid grid{.sigma_min = 0.002, .sigma_max = 80, .steps = steps};
    return std::abs((ode_log_likelihood(oracle, x, grid, 6400.8) -
                     oracle.log_density(x, full_like_rows(x, 0.002)))
                        .item<double>());
  };
  EXPECT_NEAR(std::log2(error(80) / error(160)), 4, 0.3);
}

TEST(OdeLogLikelihood, OfAMixtureIsItsDensity) {
  const MixtureOracle mixture({0.3, 0.7}, {{at::full({2}, 1.5), at::eye(2) * 0.2},
                                           {at::full({2}, -0.5), at::eye(2) * 0.5}});
  auto generator = make_generator(23);
  const at::Tensor x = at::randn({40, 2}, generator, at::kDouble);
  const LikelihoodGrid grid{.sigma_min = 0.01, .sigma_max = 400, .steps = 80};
  const at::Tensor got = ode_log_likelihood(mixture, x, grid, 400.0 * 400.0 + 1);
  const at::Tensor error = got - mixture.log_density(x, full_like_rows(x, 0.01));
  // The mixture's mean is no longer seen at sigma_max up to |mean||y|/sigma_max^2 ~ 3e-3.
  EXPECT_LT(error.abs().max().item<double>(), 5e-3);
}

// The trajectory does not depend on the probe, so the average over all signs is the exact value.
TEST(OdeLogLikelihood, HutchinsonAveragesToTheExactOneOverAllSigns) {
  auto generator = make_generator(24);
  const at::Tensor x = tilted().sample(4, generator);
  const LikelihoodGrid grid{.sigma_min = 0.05, .sigma_max = 80, .steps = 10};
  const at::Tensor exact = ode_log_likelihood(tilted(), x, grid, 6401);
  at::Tensor sum = at::zeros_like(exact);
  double spread = 0;
  for (int signs = 0; signs < 8; ++signs) {
    const at::Tensor probe =
        at::tensor({signs & 1 ? 1.0 : -1.0, signs & 2 ? 1.0 : -1.0, signs & 4 ? 1.0 : -1.0})
            .expand({4, 3});
    const at::Tensor one = ode_log_likelihood(tilted(), x, grid, 6401, probe);
    sum += one;
    spread = std::max(spread, (one - exact).abs().max().item<double>());
  }
  EXPECT_TRUE(at::allclose(sum / 8, exact, 1e-10));
  EXPECT_GT(spread, 0.1);
}

TEST(OdeLogLikelihood, DoesNotMindTheShapeOfARow) {
  auto generator = make_generator(25);
  const at::Tensor x = tilted().sample(4, generator);
  const LikelihoodGrid grid{.steps = 5};
  EXPECT_TRUE(at::allclose(ode_log_likelihood(tilted(), x, grid, 6401),
                           ode_log_likelihood(tilted(), x.view({4, 1, 3, 1}), grid, 6401)));
}

}  // namespace
}  // namespace ornstein
