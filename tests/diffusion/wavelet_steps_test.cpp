// Why wavelets: the number of reverse steps a Gaussian field needs grows with its size in pixels,
// but not in standardised wavelet bands (Guth et al. 2022, arXiv:2208.05003, sec. 3).
#include <gtest/gtest.h>

#include "framework/base/random.h"
#include "framework/diffusion/noise_levels.h"
#include "framework/diffusion/samplers.h"
#include "framework/math/wavelet.h"
#include "tests/support/gaussian_field.h"
#include "tests/support/linear_recursion.h"

namespace ornstein {
namespace {

// Relative error of the variance per unit step: C(lambda) = 1/lambda - lambda log(lambda)/(2
// (lambda-1)), C(1) = 1/2.
TEST(ReverseEulerMaruyama, HasTheFirstOrderVarianceErrorOfTheory) {
  const at::Tensor lambda = at::tensor({0.05, 0.2, 0.5, 1.0, 2.0, 5.0}, at::kDouble);
  const at::Tensor published =
      at::tensor({19.921, 4.7988, 1.6534, 0.5, -0.19315, -0.80590}, at::kDouble);
  const at::Tensor theory =
      at::where(lambda == 1, 0.5, 1 / lambda - lambda * lambda.log() / (2 * (lambda - 1)));
  EXPECT_TRUE(at::allclose(theory, published, 1e-4));
  const auto per_step = [&](int64_t steps) {
    const at::Tensor variance = reverse_euler_maruyama(lambda, steps).variance;
    return (variance / lambda - 1) * (static_cast<double>(steps) / 5);
  };
  const at::Tensor limit = 2 * per_step(10000) - per_step(5000);  // the second order taken out
  EXPECT_TRUE(at::allclose(limit, theory, 1e-3));
}

// The smallest number of steps with less than 1e-3 nats a dimension is `steps`.
void expect_fewest_steps(const Modes& modes, int64_t steps) {
  EXPECT_LT(divergence_per_dimension(modes, steps), 1e-3) << steps;
  EXPECT_GE(divergence_per_dimension(modes, steps - 1), 1e-3) << steps;
}

TEST(StepCount, GrowsWithTheFieldInPixelsButNotInWavelets) {
  struct Row {
    double eta;
    int64_t pixels[5], wavelets[5];  // L = 8, 16, 32, 64, 128
  };
  const Row rows[] = {{1.75, {114, 149, 184, 215, 243}, {68, 74, 78, 80, 81}},
                      {2, {144, 203, 269, 336, 405}, {79, 87, 92, 95, 97}},
                      {3, {424, 900, 1872, 3827, 7743}, {152, 185, 212, 229, 239}}};
  for (const auto& row : rows) {
    for (int i = 0; i < 5; ++i) {
      SCOPED_TRACE(fmt::format("eta {} L {}", row.eta, 8 << i));
      const at::Tensor power = power_law(8 << i, row.eta);
      expect_fewest_steps(plain_modes(power), row.pixels[i]);
      expect_fewest_steps(wavelet_modes(power), row.wavelets[i]);
    }
  }
}

TEST(StepCount, DivergenceAt64StepsIsThePublishedOne) {
  const double pixels[] = {0.0320, 0.0959, 0.2193, 0.4031, 0.6364};
  const double wavelets[] = {0.0053, 0.0078, 0.0100, 0.0116, 0.0125};
  for (int i = 0; i < 5; ++i) {
    const at::Tensor power = power_law(8 << i, 3);
    EXPECT_NEAR(divergence_per_dimension(plain_modes(power), 64), pixels[i], 5.1e-5);
    EXPECT_NEAR(divergence_per_dimension(wavelet_modes(power), 64), wavelets[i], 5.1e-5);
  }
}

// Sampling such a field with the transform, grid and sampler of the framework itself.

constexpr int64_t kSize = 32, kSteps = 64, kFields = 200;

std::vector<double> alpha_bar_of(const at::Tensor& sigmas) {
  const at::Tensor values = (1 / (1 + sigmas.square())).flip(0).contiguous();
  return {values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel()};
}

// Means of [..., L, L] over rings of equal rounded frequency 0 .. L/2: [..., L/2 + 1].
at::Tensor radial(const at::Tensor& spectrum) {
  const int64_t size = spectrum.size(-1);
  const at::Tensor k = at::fft_fftfreq(size, 1.0 / size, at::kDouble);
  const at::Tensor ring = (k.square().unsqueeze(1) + k.square().unsqueeze(0)).sqrt().round();
  std::vector<at::Tensor> means;
  for (int64_t r = 0; r <= size / 2; ++r) {
    const at::Tensor inside = (ring == r).to(at::kDouble);
    means.push_back((spectrum * inside).sum({-2, -1}) / inside.sum());
  }
  return at::stack(means, -1);
}

void expect_spectrum(const at::Tensor& fields, const at::Tensor& expected) {
  const at::Tensor power = at::fft_fft2(fields).abs().square().squeeze(1) / (kSize * kSize);
  const at::Tensor rings = radial(power);  // [B, rings]
  const at::Tensor errors =
      (rings.mean(0) - radial(expected)) / (rings.std(0) / std::sqrt(kFields));
  EXPECT_LT(errors.abs().max().item<double>(), 4);
}

double largest_relative_error(const at::Tensor& spectrum, const at::Tensor& truth) {
  return (radial(spectrum) / radial(truth) - 1).abs().max().item<double>();
}

class FieldSampling : public testing::Test {
 protected:
  at::Tensor draw(const Denoiser& denoiser, at::IntArrayRef shape) {
    const at::Tensor y =
        (sigmas_[0].square() + 1).sqrt() * at::randn(shape, generator_, at::kDouble);
    return sample_ancestral(denoiser, y, sigmas_, ReverseVariance::large, generator_);
  }

  const at::Tensor power_ = power_law(kSize, 3);
  const at::Tensor sigmas_ = uniform_time_grid(ou_path(5), kSteps);
  const std::vector<double> alpha_bar_ = alpha_bar_of(sigmas_);
  at::Generator generator_ = make_generator(26);
};

TEST_F(FieldSampling, InPixelsFollowsTheRecursionAndLosesFineScales) {
  const at::Tensor expected = reverse_ancestral(power_, alpha_bar_, true).variance;
  expect_spectrum(draw(field_denoiser(power_), {kFields, 1, kSize, kSize}), expected);
  EXPECT_GT(largest_relative_error(expected, power_), 0.7);  // a quarter is left of the finest ring
}

// The spectrum of x from that of its low-pass, and the sampler's linear map of the details.
at::Tensor spectrum_of_the_finer(const HaarLevel& level, const at::Tensor& low,
                                 const std::vector<double>& alpha_bar) {
  const AffineLaw law = reverse_ancestral(level.eigenvalues, alpha_bar, true);
  const at::Tensor &u = level.eigenvectors, back = u.mH();
  const at::Tensor slope =
      (u * law.gain.unsqueeze(1)).matmul(back).matmul(level.regression.unsqueeze(2));
  const at::Tensor unit_low = (low / level.deviations[0].square()).flatten().view({-1, 1, 1});
  const at::Tensor cross = slope * unit_low;  // [n, 3, 1]
  const at::Tensor details =
      (u * law.variance.unsqueeze(1)).matmul(back) + cross.matmul(slope.mH());
  const at::Tensor top = at::cat({unit_low.to(at::kComplexDouble), cross.mH()}, 2);
  const at::Tensor bands = at::cat({top, at::cat({cross, details}, 2)}, 1) *
                           level.deviations.unsqueeze(0) * level.deviations.unsqueeze(1);
  const at::Tensor& g = level.filters;  // x(k_p) = sum_c conj(G_c) X_c
  const at::Tensor fine = at::real(((g.conj().matmul(bands)) * g).sum(2)) / 4;  // [n, p]
  const int64_t half = low.size(0);
  return fine.reshape({half, half, 2, 2}).permute({2, 0, 3, 1}).reshape({2 * half, 2 * half});
}

TEST_F(FieldSampling, InWaveletsFollowsTheRecursionAndKeepsAllScales) {
  std::vector<HaarLevel> levels;
  at::Tensor coarse = power_;
  while (coarse.size(0) > 2) {
    levels.push_back(haar_level(coarse));
    coarse = levels.back().low_power;
  }
  const at::Tensor unit = coarse / coarse.mean();
  at::Tensor x = draw(field_denoiser(unit), {kFields, 1, 2, 2}) * coarse.mean().sqrt();
  at::Tensor expected = reverse_ancestral(unit, alpha_bar_, true).variance * coarse.mean();
  for (auto level = levels.rbegin(); level != levels.rend(); ++level) {
    const Denoiser denoiser = detail_denoiser(*level, x / level->deviations[0]);
    const at::Tensor details = draw(denoiser, {kFields, 3, x.size(2), x.size(3)}) *
                               level->deviations.slice(0, 1).view({1, 3, 1, 1});
    x = wavelet_inverse(haar(), {x, details});
    expected = spectrum_of_the_finer(*level, expected, alpha_bar_);
  }
  expect_spectrum(x, expected);
  EXPECT_LT(largest_relative_error(expected, power_),
            0.3);  // of all rings; DDPM's last step smooths
}

TEST(HaarLevel, OfAFieldDescribesTheTransformedField) {
  const at::Tensor power = power_law(8, 2);
  const HaarLevel level = haar_level(power);
  // The dense covariance of the field, and of its bands.
  const at::Tensor unit = at::eye(64, at::kDouble).reshape({64, 1, 8, 8});
  const at::Tensor root = at::real(at::fft_ifft2(at::fft_fft2(unit) * power.sqrt()));
  const auto bands = wavelet_forward(haar(), root);
  const at::Tensor low = bands.low.flatten(1), details = bands.details;
  const at::Tensor deviations =
      at::cat({low.square().sum(0).mean().unsqueeze(0), details.square().sum(0).mean({1, 2})})
          .sqrt();
  EXPECT_TRUE(at::allclose(level.deviations, deviations, 1e-10));
  const at::Tensor given_low = (details / deviations.slice(0, 1).view({3, 1, 1})).flatten(1);
  const at::Tensor projector = low.matmul(at::linalg_pinv(low));
  const at::Tensor rest = given_low - projector.matmul(given_low);
  const at::Tensor dense = std::get<0>(at::linalg_eigh(rest.t().matmul(rest)));
  EXPECT_TRUE(at::allclose(std::get<0>(level.eigenvalues.flatten().sort()), dense, 1e-8, 1e-10));
}

}  // namespace
}  // namespace ornstein
