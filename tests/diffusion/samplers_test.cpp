// Gaussian data: the exact denoiser is linear, so a sampler is an affine map and its output known,
// discretisation error included.
#include "framework/diffusion/samplers.h"

#include <gtest/gtest.h>

#include "framework/base/random.h"
#include "framework/diffusion/noise_levels.h"
#include "tests/support/gaussian_oracle.h"
#include "tests/support/linear_recursion.h"

namespace ornstein {
namespace {

const std::vector<double> kLambda{0.01, 0.1, 0.5, 1, 4};

at::Tensor lambda() { return at::tensor(kLambda, at::kDouble); }

GaussianOracle diagonal(const at::Tensor& mean, const at::Tensor& variances) {
  return {mean, at::diag(variances)};
}

// alpha_bar of DDPM's linear betas, beta_t from 0.1/N to 20/N; alpha_bar[0] = 1.
std::vector<double> ddpm_alpha_bar(int steps) {
  std::vector<double> alpha_bar{1};
  for (int i = 0; i < steps; ++i) {
    alpha_bar.push_back(alpha_bar.back() * (1 - (0.1 + 19.9 * i / (steps - 1)) / steps));
  }
  return alpha_bar;
}

at::Tensor grid_of(const std::vector<double>& alpha_bar) {
  return (1 / at::tensor(alpha_bar, at::kDouble) - 1).sqrt().flip(0);
}

// y = x / alpha for x ~ N(0, I).
at::Tensor prior(int64_t rows, const at::Tensor& sigmas, at::Generator& generator) {
  return (sigmas[0].square() + 1).sqrt() * at::randn({rows, 5}, generator, at::kDouble);
}

void expect_law(const at::Tensor& samples, const at::Tensor& mean, const AffineLaw& law) {
  const double rows = static_cast<double>(samples.size(0));
  const at::Tensor mean_errors = (samples.mean(0) - law.gain * mean) / (law.variance / rows).sqrt();
  const at::Tensor variance_errors = (samples.var(0) / law.variance - 1) / std::sqrt(2 / rows);
  EXPECT_LT(mean_errors.abs().max().item<double>(), 4);
  EXPECT_LT(variance_errors.abs().max().item<double>(), 4);
}

TEST(AncestralRecursion, HasThePublishedVariances) {
  const auto alpha_bar = ddpm_alpha_bar(1000);
  const at::Tensor large = at::tensor({0.010154, 0.100579, 0.500659, 0.999900, 3.990569});
  const at::Tensor small = at::tensor({0.009276, 0.097639, 0.494222, 0.991067, 3.974777});
  EXPECT_TRUE(at::allclose(reverse_ancestral(lambda(), alpha_bar, true).variance,
                           large.to(at::kDouble), 0, 6e-7));
  EXPECT_TRUE(at::allclose(reverse_ancestral(lambda(), alpha_bar, false).variance,
                           small.to(at::kDouble), 0, 6e-7));
}

TEST(Ancestral, DrawsTheLawOfTheRecursionWithBothVariances) {
  auto generator = make_generator(12);
  const at::Tensor mean = at::tensor({0.5, -1.0, 2.0, 0.0, 3.0}, at::kDouble);
  const GaussianOracle oracle = diagonal(mean, lambda());
  for (const auto& [steps, rows] : {std::pair{40, 40000}, {1000, 4000}}) {
    const auto alpha_bar = ddpm_alpha_bar(steps);
    const at::Tensor sigmas = grid_of(alpha_bar);
    for (const auto variance : {ReverseVariance::large, ReverseVariance::small}) {
      const at::Tensor samples =
          sample_ancestral(oracle, prior(rows, sigmas, generator), sigmas, variance, generator);
      expect_law(samples, mean,
                 reverse_ancestral(lambda(), alpha_bar, variance == ReverseVariance::large));
    }
  }
}

TEST(Ancestral, WithSmallVarianceIsDdimOfEtaOne) {
  const at::Tensor sigmas = karras_grid(12, 0.01, 40);
  auto generator = make_generator(13);
  const at::Tensor y = prior(16, sigmas, generator);
  const GaussianOracle oracle = diagonal(at::ones({5}), lambda());
  auto first = make_generator(14), second = make_generator(14);
  EXPECT_TRUE(at::allclose(sample_ancestral(oracle, y, sigmas, ReverseVariance::small, first),
                           sample_ddim(oracle, y, sigmas, 1, second), 1e-9, 1e-9));
}

TEST(Ddim, DrawsTheLawOfItsRecursionForAnyEta) {
  const auto alpha_bar = ddpm_alpha_bar(40);
  const at::Tensor sigmas = grid_of(alpha_bar), mean = at::ones({5}, at::kDouble);
  for (const double eta : {0.0, 0.5, 1.0}) {
    // Eq. 12 of Song et al. in x itself: x_s = a_s x0 + sqrt(1 - abar_s - n^2) e + n z.
    AffineLaw law{at::zeros_like(lambda()), at::ones_like(lambda())};
    for (size_t t = alpha_bar.size() - 1; t > 0; --t) {
      const double here = alpha_bar[t], next = alpha_bar[t - 1];
      const double n = eta * std::sqrt((1 - next) / (1 - here) * (1 - here / next));
      const at::Tensor slope = std::sqrt(here) * lambda() / (here * lambda() + 1 - here);
      const double of_noise = std::sqrt(1 - next - n * n) / std::sqrt(1 - here);
      const at::Tensor kept = std::sqrt(next) * slope + of_noise * (1 - std::sqrt(here) * slope);
      const at::Tensor of_mean =
          (std::sqrt(next) - of_noise * std::sqrt(here)) * (1 - std::sqrt(here) * slope);
      law = {kept * law.gain + of_mean, kept.square() * law.variance + n * n};
    }
    auto generator = make_generator(15);
    const GaussianOracle oracle = diagonal(mean, lambda());
    const at::Tensor y = prior(40000, sigmas, generator);
    expect_law(sample_ddim(oracle, y, sigmas, eta, generator), mean, law);
  }
}

TEST(Ddim, KeepsToTheLineThroughASinglePoint) {
  const at::Tensor point = at::tensor({1.0, -2.0, 0.5, 0.0, 7.0}, at::kDouble);
  const GaussianOracle oracle = diagonal(point, at::zeros({5}));
  auto generator = make_generator(16);
  const at::Tensor noise = at::randn({3, 5}, generator, at::kDouble);
  const Denoiser watched = [&](const at::Tensor& y, const at::Tensor& sigma) {
    EXPECT_TRUE(at::allclose(y, point + per_row(sigma, y) * noise, 1e-9, 1e-9));
    return oracle(y, sigma);
  };
  for (const int steps : {1, 10}) {
    const at::Tensor sigmas =
        steps == 1 ? at::tensor({80.0, 0.0}, at::kDouble) : karras_grid(steps, 0.002, 80);
    const at::Tensor end = sample_ddim(watched, point + 80 * noise, sigmas, 0, generator);
    EXPECT_TRUE(at::allclose(end, point.expand({3, 5}), 1e-6, 1e-6));
  }
}

// Relative error of the standard deviation from N(0, 80^2) to the data N(0, 1/4), whose exact end
// is 80 sqrt(lambda/(lambda + 6400)). The state is one number, the map linear.
template <class Sampler>
double deviation_error(const Sampler& sampler, int64_t steps, double sigma_min = 0.002) {
  const GaussianOracle oracle(at::zeros({1}), at::full({1, 1}, 0.25));
  const at::Tensor end =
      sampler(oracle, at::full({1, 1}, 80.0, at::kDouble), karras_grid(steps, sigma_min, 80));
  return end.item<double>() / (80 * std::sqrt(0.25 / 6400.25)) - 1;
}

// At so small a sigma_min that the last, Euler step from it to 0 is below every error here.
template <class Sampler>
double order_of(const Sampler& sampler) {
  return std::log2(deviation_error(sampler, 200, 1e-4) / deviation_error(sampler, 400, 1e-4));
}

constexpr int64_t kSteps[] = {9, 18, 36, 72, 144};

TEST(Heun, HasThePublishedErrorWhichFallsWithTheSquareOfTheStep) {
  const double expected[] = {0.2781, 0.05527, 0.01221, 0.002871, 0.000691};
  for (size_t i = 0; i < std::size(kSteps); ++i) {
    EXPECT_NEAR(deviation_error(sample_heun, kSteps[i]) / expected[i], 1, 1e-3);
  }
  EXPECT_NEAR(order_of(sample_heun), 2, 0.05);
}

TEST(Euler, HasThePublishedErrorWhichFallsWithTheStep) {
  const double expected[] = {-0.3010, -0.1539, -0.0780, -0.0392, -0.0197};
  for (size_t i = 0; i < std::size(kSteps); ++i) {
    EXPECT_NEAR(deviation_error(sample_euler, kSteps[i]), expected[i], 6e-5);
  }
  EXPECT_NEAR(order_of(sample_euler), 1, 0.02);
}

TEST(Euler, IsDdimOfEtaZero) {
  auto generator = make_generator(17);
  const at::Tensor sigmas = karras_grid(8, 0.01, 40), y = prior(4, sigmas, generator);
  const GaussianOracle oracle = diagonal(at::ones({5}), lambda());
  EXPECT_TRUE(at::allclose(sample_euler(oracle, y, sigmas),
                           sample_ddim(oracle, y, sigmas, 0, generator), 1e-12));
}

TEST(Heun, EvaluatesTwiceAStepButOnceInTheLast) {
  int calls = 0;
  const Denoiser counted = [&](const at::Tensor& y, const at::Tensor&) {
    ++calls;
    return y * 0;
  };
  sample_heun(counted, at::ones({1, 1}), karras_grid(18, 0.002, 80));
  EXPECT_EQ(calls, 35);
}

TEST(Heun, FillsTheModesOfAMixtureByTheirWeights) {
  const MixtureOracle mixture({0.3, 0.7}, {{at::full({2}, 3.0), at::eye(2) * 0.1},
                                           {at::full({2}, -2.0), at::eye(2) * 0.5}});
  auto generator = make_generator(18);
  const at::Tensor y = 40 * at::randn({4000, 2}, generator, at::kDouble);
  const at::Tensor samples = sample_heun(mixture, y, karras_grid(40, 0.01, 40));
  const double share = samples.select(1, 0).gt(0.5).to(at::kDouble).mean().item<double>();
  // 40 times as wide as the modes, the start is off by 2 per cent of its standard deviation at
  // most.
  EXPECT_NEAR(share, 0.3, 4 * std::sqrt(0.21 / 4000) + 0.02);
}

TEST(Samplers, GiveARowTheSameResultInAnyBatch) {
  const at::Tensor sigmas = karras_grid(6, 0.01, 40);
  auto generator = make_generator(19);
  const at::Tensor y = prior(8, sigmas, generator);
  const GaussianOracle oracle = diagonal(at::ones({5}), lambda());
  EXPECT_TRUE(at::allclose(sample_heun(oracle, y, sigmas).narrow(0, 2, 3),
                           sample_heun(oracle, y.narrow(0, 2, 3), sigmas), 1e-12, 1e-12));
}

TEST(Samplers, KeepTheTypeOfTheirState) {
  auto generator = make_generator(20);
  const GaussianOracle oracle = diagonal(at::ones({5}), lambda());
  const at::Tensor sigmas = karras_grid(18, 0.002, 80);
  const at::Tensor y = prior(64, sigmas, generator), single = y.to(at::kFloat);
  const at::Tensor end = sample_heun(oracle, single, sigmas);
  EXPECT_EQ(end.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::allclose(end.to(at::kDouble), sample_heun(oracle, y, sigmas), 1e-3, 1e-3));
}

// Non-uniform diffusion: every part of the state with its own grid is its own sampler.
TEST(Samplers, TreatPartsWithTheirOwnLevelsApart) {
  const at::Tensor fast = karras_grid(6, 0.01, 40), slow = karras_grid(6, 0.1, 5, 3);
  const at::Tensor both = at::stack({fast, slow, slow, fast, fast}, 1);  // [7, 5]
  const GaussianOracle oracle = diagonal(at::zeros({5}), lambda());
  const Denoiser parts = [](const at::Tensor& y, const at::Tensor& sigma) {
    return lambda() / (lambda() + sigma.square()) * y;
  };
  auto generator = make_generator(21);
  const at::Tensor y = at::randn({4, 5}, generator, at::kDouble);
  for (const auto& sampler : {sample_heun, sample_euler}) {
    const at::Tensor mixed = sampler(parts, y, both);
    const at::Tensor of_fast = sampler(oracle, y, fast), of_slow = sampler(oracle, y, slow);
    for (int64_t part = 0; part < 5; ++part)
      EXPECT_TRUE(at::allclose(mixed.select(1, part),
                               (part == 1 || part == 2 ? of_slow : of_fast).select(1, part), 1e-12,
                               1e-12));
  }
  auto first = make_generator(22), second = make_generator(22);
  const at::Tensor same = at::stack({fast, fast, fast, fast, fast}, 1);
  EXPECT_TRUE(at::allclose(sample_ancestral(parts, y, same, ReverseVariance::large, first),
                           sample_ancestral(oracle, y, fast, ReverseVariance::large, second), 1e-12,
                           1e-12));
}

TEST(Samplers, StopAtALevelAndGoOnFromIt) {
  const GaussianOracle oracle = diagonal(at::ones({5}), lambda());
  const at::Tensor sigmas = karras_grid(9, 0.01, 40);
  const auto whole_and_halves = [&](const auto& sampler) {
    auto first = make_generator(23), second = make_generator(23);
    const at::Tensor y = prior(8, sigmas, first);
    prior(8, sigmas, second);
    const at::Tensor whole = sampler(y, sigmas, first);
    const at::Tensor half = sampler(y, sigmas.slice(0, 0, 5), second);
    return std::pair{whole, sampler(half, sigmas.slice(0, 4), second)};
  };
  const auto ancestral = [&](const at::Tensor& y, const at::Tensor& s, at::Generator& g) {
    return sample_ancestral(oracle, y, s, ReverseVariance::small, g);
  };
  const auto heun = [&](const at::Tensor& y, const at::Tensor& s, at::Generator&) {
    return sample_heun(oracle, y, s);
  };
  const auto [a, a_halves] = whole_and_halves(ancestral);
  const auto [h, h_halves] = whole_and_halves(heun);
  EXPECT_TRUE(a.equal(a_halves));
  EXPECT_TRUE(h.equal(h_halves));
}

TEST(Samplers, RefuseAGridThatRisesOrIsNegative) {
  const GaussianOracle oracle = diagonal(at::ones({5}), lambda());
  const at::Tensor y = at::ones({1, 5});
  EXPECT_THROW(sample_heun(oracle, y, at::tensor({1.0, 2.0, 0.0})), c10::Error);
  EXPECT_THROW(sample_heun(oracle, y, at::tensor({1.0, -0.5})), c10::Error);
  EXPECT_THROW(sample_euler(oracle, y, at::tensor({1.0, 1.0, 0.0})), c10::Error);
  EXPECT_THROW(sample_euler(oracle, y, at::tensor({0.0})), c10::Error);
}

}  // namespace
}  // namespace ornstein
