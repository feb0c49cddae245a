#include "framework/diffusion/losses.h"

#include <gtest/gtest.h>

#include "framework/base/random.h"
#include "tests/support/gaussian_oracle.h"

namespace ornstein {
namespace {

const DiffusionNetwork kSilent = [](const at::Tensor& input, const at::Tensor&) {
  return at::zeros_like(input);
};
const DiffusionNetwork kSome = [](const at::Tensor& input, const at::Tensor& log_sigma) {
  return (2 * input + per_row(log_sigma, input)).sin();
};

TEST(DenoisingLoss, OfASilentEdmNetworkIsOneAtEveryNoiseLevel) {
  auto generator = make_generator(6);
  for (const double sigma : {0.01, 0.5, 1.0, 50.0}) {
    const at::Tensor x0 = 0.5 * at::randn({4000, 3}, generator);
    const at::Tensor loss =
        denoising_loss(kSilent, Prediction::edm, 0.5, x0, at::randn({4000, 3}, generator),
                       at::full({4000}, sigma));
    EXPECT_EQ(loss.sizes(), at::IntArrayRef({4000}));
    const double error = loss.std().item<double>() / std::sqrt(4000);
    EXPECT_NEAR(loss.mean().item<double>(), 1, 4 * error) << sigma;
  }
}

// Section 0 of every derivation: the squared error of F is a known weight times that of D.
TEST(DenoisingLoss, IsAWeightedErrorOfTheDenoiser) {
  auto generator = make_generator(7);
  const at::Tensor x0 = at::randn({6, 2, 4}, generator), noise = at::randn({6, 2, 4}, generator);
  const at::Tensor sigma = at::logspace(-1, 1, 6, 10, at::kFloat);
  const at::Tensor y = x0 + per_row(sigma, x0) * noise, v = sigma.square();
  const std::pair<Prediction, at::Tensor> weights[] = {{Prediction::noise, 1 / v},
                                                       {Prediction::data, at::ones_like(v)},
                                                       {Prediction::velocity, 1 + 1 / v},
                                                       {Prediction::edm, (v + 0.49) / (v * 0.49)}};
  for (const auto& [prediction, weight] : weights) {
    const Denoiser denoiser = make_denoiser(kSome, prediction, 0.7);
    const at::Tensor error = (denoiser(y, sigma) - x0).square().flatten(1).mean(1);
    const at::Tensor loss = denoising_loss(kSome, prediction, 0.7, x0, noise, sigma);
    EXPECT_TRUE(at::allclose(loss, weight * error, 1e-4)) << static_cast<int>(prediction);
  }
}

TEST(DenoisingLoss, IsLeastAtTheExactDenoiser) {
  auto generator = make_generator(8);
  const GaussianOracle oracle(at::zeros({1}), at::full({1, 1}, 0.25));
  const at::Tensor x0 = oracle.sample(20000, generator);
  const at::Tensor noise = at::randn({20000, 1}, generator, at::kDouble);
  const at::Tensor sigma = at::full({20000}, 0.6, at::kDouble);
  const auto mean_loss = [&](double bias) {
    const DiffusionNetwork network = [&](const at::Tensor& input, const at::Tensor& log_sigma) {
      const at::Tensor s = log_sigma.exp(), y = input * per_row((s.square() + 1).sqrt(), input);
      return (y - oracle(y, s)) / per_row(s, y) + bias;
    };
    return denoising_loss(network, Prediction::noise, 1, x0, noise, sigma);
  };
  // E|e - E[e|y]|^2 = lambda/(lambda + sigma^2); a bias adds its square.
  const at::Tensor best = mean_loss(0);
  EXPECT_NEAR(best.mean().item<double>(), 0.25 / 0.61,
              4 * best.std().item<double>() / std::sqrt(20000));
  EXPECT_GT(mean_loss(0.1).mean().item<double>(), best.mean().item<double>());
  EXPECT_GT(mean_loss(-0.1).mean().item<double>(), best.mean().item<double>());
}

TEST(DenoisingLoss, RefusesANetworkOfAnotherShape) {
  const DiffusionNetwork narrow = [](const at::Tensor& x, const at::Tensor&) {
    return x.narrow(1, 0, 1);
  };
  const at::Tensor x = at::ones({2, 3});
  EXPECT_THROW(denoising_loss(narrow, Prediction::edm, 1, x, x, at::ones({2})), c10::Error);
}

TEST(NetworkDenoiser, CallsTheNetworkInFloat32AndKeepsTheStatesType) {
  const DiffusionNetwork checked = [](const at::Tensor& input, const at::Tensor& log_sigma) {
    EXPECT_EQ(input.scalar_type(), at::kFloat);
    EXPECT_EQ(log_sigma.scalar_type(), at::kFloat);
    EXPECT_NEAR(log_sigma[0].item<double>(), std::log(3.0), 1e-6);
    return input;
  };
  const at::Tensor y = at::ones({2, 3}, at::kDouble);
  const Denoiser denoiser = make_denoiser(checked, Prediction::edm, 1);
  EXPECT_EQ(denoiser(y, at::full({2}, 3.0, at::kDouble)).scalar_type(), at::kDouble);
}

}  // namespace
}  // namespace ornstein
