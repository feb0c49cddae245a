// The oracles stand in for trained networks everywhere else: here they are checked by themselves.
#include <gtest/gtest.h>

#include "framework/base/random.h"
#include "tests/support/gaussian_oracle.h"

namespace ornstein {
namespace {

GaussianOracle tilted() {
  return {at::tensor({1.0, -0.5}), at::tensor({1.0, 0.8, 0.8, 1.5}).reshape({2, 2})};
}

MixtureOracle mixture() {
  return {{0.3, 0.7}, {tilted(), {at::tensor({-2.0, 1.0}), at::eye(2) * 0.1}}};
}

// Tweedie: E[x0|y] = y + sigma^2 grad log p(y; sigma).
template <class Oracle>
void expect_tweedie(const Oracle& oracle) {
  auto generator = make_generator(10);
  const at::Tensor y = (2 * at::randn({8, 2}, generator, at::kDouble)).requires_grad_();
  const at::Tensor sigma = at::logspace(-1, 1, 8, 10, at::kDouble);
  const at::Tensor score = torch::autograd::grad({oracle.log_density(y, sigma).sum()}, {y})[0];
  EXPECT_TRUE(at::allclose(oracle(y, sigma), y + sigma.square().unsqueeze(1) * score, 1e-9, 1e-9));
}

TEST(Oracles, ObeyTweediesFormula) {
  expect_tweedie(tilted());
  expect_tweedie(mixture());
}

TEST(Oracles, DensityIntegratesToOne) {
  const at::Tensor axis = at::linspace(-8, 8, 161, at::kDouble);
  const auto mesh = at::meshgrid({axis, axis}, "ij");
  const at::Tensor y = at::stack({mesh[0].flatten(), mesh[1].flatten()}, 1);
  const at::Tensor density =
      mixture().log_density(y, at::full({y.size(0)}, 0.3, at::kDouble)).exp();
  EXPECT_NEAR(density.sum().item<double>() * 0.01, 1, 1e-6);
}

TEST(Oracles, SamplesHaveTheirCovariance) {
  auto generator = make_generator(11);
  const at::Tensor x = tilted().sample(20000, generator);
  const at::Tensor expected = at::tensor({1.0, 0.8, 0.8, 1.5}, at::kDouble).reshape({2, 2});
  EXPECT_LT((x.t().cov() - expected).abs().max().item<double>(), 4 * 1.5 * std::sqrt(2.0 / 20000));
}

}  // namespace
}  // namespace ornstein
