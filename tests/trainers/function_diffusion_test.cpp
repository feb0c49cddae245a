#include "trainers/function_diffusion/function_diffusion_trainer.h"

#include <gtest/gtest.h>

#include "framework/diffusion/losses.h"
#include "framework/diffusion/noise_levels.h"
#include "tests/support/linear_recursion.h"
#include "tests/support/memory_functions.h"
#include "tests/trainers/function_support.h"
#include "tests/trainers/trainer_calls.h"

namespace ornstein::function_diffusion {
namespace {

at::Tensor number(double value) { return at::scalar_tensor(value, at::kDouble); }

// Gaussian functions on a circle: Fourier modes do not mix, the best predictor is known.

constexpr int64_t kModes = 6;  // frequencies 0..5 are watched

// E|u_k|^2 of the data, u_k the "forward" Fourier coefficient; they have no others.
at::Tensor data_variances() { return at::tensor({0.5, 1.0, 0.4, 0.2, 0.1, 0.05}, at::kDouble); }

// The noise's, of the grid's own factor.
at::Tensor noise_variances(const FunctionSpace& space) {
  const auto& factor = std::get<CirculantFactor>(space.field().factor());
  return factor.eigenvalues.narrow(0, 0, kModes) / static_cast<double>(factor.points[0]);
}

// gain [kModes] on the frequencies watched, 0 on the others; u [B, 1, n].
at::Tensor filtered(const at::Tensor& u, const at::Tensor& gain) {
  const at::Tensor modes = at::fft_rfft(u);
  const at::Tensor all = at::constant_pad_nd(gain, {0, modes.size(-1) - kModes});
  return at::fft_irfft(modes * all.to(u.scalar_type()), u.size(-1));
}

// |u_k|, [B, kModes].
at::Tensor amplitudes(const at::Tensor& u) {
  return at::fft_rfft(u).abs().narrow(-1, 0, kModes).squeeze(1) / static_cast<double>(u.size(-1));
}

// A function whose coefficients have the noise's deviations, at each frequency.
at::Tensor unit_noise(const FunctionSpace& space) {
  const int64_t n = space.coordinates().size(0);
  const at::Tensor white = at::zeros({1, 1, n}, at::kDouble);
  white.select(2, 0).fill_(std::sqrt(static_cast<double>(n)));
  return space.field().colour(white);
}

// The sampler's law, by one row for each noise that enters it: as the sampler is linear, variances
// are sums of squares over rows.
at::Tensor chain_variances(int64_t n, int64_t steps) {
  const FunctionSpace space(with_kernel("squared_exponential", 0.08, 1), unit_circle(n));
  const at::Tensor a = data_variances(), unit = unit_noise(space);
  const Kernel line{.name = "squared_exponential", .length = 0.08};
  const at::Tensor c = spectral_density(line, 1, 2 * M_PI * at::arange(kModes, at::kDouble));
  const Denoiser best = [&](const at::Tensor& y, const at::Tensor& sigma) {
    return filtered(y, a / (a + sigma[0].square() * c));
  };
  int64_t calls = 0;
  const NoiseSource one_row = [&](const at::Tensor& like, at::Generator&) {
    const at::Tensor noise = at::zeros_like(like);
    noise[calls++].copy_(unit[0]);
    return noise;
  };
  auto generator = make_generator(1);
  const at::Tensor sigmas = uniform_time_grid(vp_path(), steps);
  const at::Tensor start =
      at::hypot(sigmas[0], number(1)) * one_row(at::zeros({steps, 1, n}, at::kDouble), generator);
  const at::Tensor end =
      sample_ancestral(best, start, sigmas, ReverseVariance::small, generator, one_row);
  EXPECT_EQ(calls, steps);
  return amplitudes(end).square().sum(0);
}

// Check F6 of the method notes. Below 1e-10 grids differ by the factor's jitter.
TEST(FunctionChain, HasTheSameVariancesOnEveryGridAndThoseOfTheScalarChains) {
  const int64_t steps = 60;
  const at::Tensor coarse = chain_variances(32, steps), fine = chain_variances(256, steps);
  EXPECT_LT(largest(fine - coarse), 1e-10);

  const at::Tensor sigmas = uniform_time_grid(vp_path(), steps);
  const at::Tensor alpha_bar = (1 / (1 + sigmas.square())).flip(0);
  const Kernel line{.name = "squared_exponential", .length = 0.08};
  const at::Tensor c = spectral_density(line, 1, 2 * M_PI * at::arange(kModes, at::kDouble));
  const AffineLaw law = reverse_ancestral(
      data_variances() / c,
      {alpha_bar.data_ptr<double>(), alpha_bar.data_ptr<double>() + alpha_bar.numel()}, false);
  EXPECT_LT(largest(coarse - law.variance * c), 1e-9);
}

TEST(FunctionChain, ApproachesTheDataAsTheStepsGrow) {
  double last = 1;
  for (const int64_t steps : {30, 120, 480}) {
    const double error = largest(chain_variances(32, steps) / data_variances() - 1);
    EXPECT_LT(error, last / 2.5);
    last = error;
  }
  EXPECT_LT(last, 0.02);
}

// Section 1B: with Gaussian functions the flow is linear, and its end has their deviations.
TEST(FunctionFlow, CarriesNoiseToTheDataOnEveryGrid) {
  const FlowMatching flow;
  const at::Tensor a = data_variances();
  for (const int64_t n : {16, 64, 250}) {
    const FunctionSpace space(with_kernel("exponential", 0.1, 1), unit_circle(n));
    const at::Tensor c = noise_variances(space);
    const DiffusionNetwork best = [&](const at::Tensor& u, const at::Tensor& time) {
      const double t = time[0].item<double>() / 10, s = flow.noise_level(t);
      return filtered(u, (t * a - (1 - flow.sigma_min) * s * c) / (t * t * a + s * s * c));
    };
    const at::Tensor end = flow.sample(best, unit_noise(space), 40, nullptr);
    EXPECT_LT(largest(amplitudes(end) - a.sqrt()), 1e-4) << n;
  }
}

// If all data are one function f, u_t tells xi and the velocity is known.
TEST(FunctionFlow, LossOfTheTrueVelocityIsZero) {
  const FlowMatching flow{.sigma_min = 0.01};
  const FunctionSpace space(with_kernel("exponential", 0.1), unit_interval(33));
  auto generator = make_generator(3);
  const at::Tensor f = at::randn({1, 2, 33}, generator).expand({8, 2, 33});
  const at::Tensor t = at::linspace(0, 0.9, 8);
  const DiffusionNetwork exact = [&](const at::Tensor& u, const at::Tensor& time) {
    const at::Tensor level = per_row(1 - (1 - flow.sigma_min) * time / 10, u);
    return (f - (1 - flow.sigma_min) * u) / level;
  };
  const DiffusionNetwork silent = [](const at::Tensor& u, const at::Tensor&) {
    return at::zeros_like(u);
  };
  const at::Tensor xi = space.draw(f, generator);
  const auto norm = [&](const at::Tensor& e) { return space.squared_norm(e); };
  EXPECT_LT(largest(flow.loss(exact, f, xi, t, norm)), 1e-9);
  const at::Tensor velocity = f - (1 - flow.sigma_min) * xi;
  EXPECT_TRUE(at::allclose(flow.loss(silent, f, xi, t, norm), space.squared_norm(velocity)));
}

at::Tensor on_line(int64_t n) { return at::linspace(0, 1, n, at::kDouble); }

// A smooth function to be predicted, and a smooth prediction: [1, 1, n].
at::Tensor truth(int64_t n) { return (2 * M_PI * on_line(n)).sin().view({1, 1, n}); }
at::Tensor guess(int64_t n) { return (0.5 - on_line(n)).view({1, 1, n}); }

double loss_of_the_guess(const SpaceSettings& settings, Prediction prediction, int64_t n,
                         int64_t rows = 1) {
  const FunctionSpace space(settings, on_line(n).unsqueeze(1));
  auto generator = make_generator(n);
  const at::Tensor u0 = truth(n).expand({rows, 1, n}), xi = space.draw(u0, generator);
  const DiffusionNetwork network = [&](const at::Tensor& input, const at::Tensor&) {
    return guess(n).expand_as(input);
  };
  return denoising_loss(network, prediction, 1, u0, xi, at::full({rows}, 0.7, at::kDouble),
                        [&](const at::Tensor& e) { return space.squared_norm(e); })
      .mean()
      .item<double>();
}

TEST(FunctionLoss, OfFunctionsHasALimit) {
  // e = sin 2 pi x + x - 1/2 on [0, 1]: integrals of e^2 and e'^2, and the ends.
  const double square = 0.5 + 1.0 / 12 - 1 / M_PI, slope = 2 * M_PI * M_PI + 1;
  const double length = 0.1;
  const std::vector<std::pair<Norm, double>> limits{
      {Norm::l2, square},
      {Norm::sobolev, square + length * length * slope},
      // F4: the exponential kernel's Cameron-Martin norm in closed form.
      {Norm::cameron_martin, 0.25 + length / 2 * slope + square / (2 * length)}};
  for (const auto& [norm, limit] : limits) {
    SpaceSettings settings = with_kernel("exponential", length);
    settings.norm = norm;
    settings.sobolev_length = length;
    double error = 0;
    for (const int64_t n : {65, 129, 257}) {
      const double before = error;
      error = loss_of_the_guess(settings, Prediction::data, n) - limit;
      if (before != 0) {
        EXPECT_NEAR(error / before, 0.25, 0.02) << n;  // O(h^2)
      }
    }
    EXPECT_LT(std::abs(error), 1e-3 * limit);
  }
}

TEST(FunctionLoss, CutOffAtSomeTermsHasALimitToo) {
  SpaceSettings settings = with_kernel("exponential", 0.1);
  settings.norm = Norm::spectral;
  settings.terms = 12;
  const double coarse = loss_of_the_guess(settings, Prediction::data, 65);
  const double middle = loss_of_the_guess(settings, Prediction::data, 129);
  const double fine = loss_of_the_guess(settings, Prediction::data, 257);
  EXPECT_NEAR((fine - middle) / (middle - coarse), 0.25, 0.05);
  SpaceSettings whole = settings;
  whole.norm = Norm::cameron_martin;
  EXPECT_LT(fine, loss_of_the_guess(whole, Prediction::data, 257));
  // Also of residuals that hold noise: about the number of terms.
  const double of_noise = loss_of_the_guess(settings, Prediction::noise, 257, 400);
  EXPECT_NEAR(of_noise, loss_of_the_guess(settings, Prediction::noise, 65, 400), 1.5);
}

TEST(FunctionLoss, OfNoiseInItsOwnNormGrowsWithThePoints) {
  SpaceSettings settings = with_kernel("exponential", 0.1);
  settings.norm = Norm::cameron_martin;
  const at::Tensor g = guess(65);
  double last = 0;
  for (const int64_t n : {65, 129, 257}) {
    const double loss = loss_of_the_guess(settings, Prediction::noise, n, 200);
    // E (xi - F)^T K^{-1} (xi - F) = n + |F|^2 in the Cameron-Martin norm.
    const double of_guess = 0.25 + 0.05 + 1.0 / 12 / 0.2;
    EXPECT_NEAR(loss, static_cast<double>(n) + of_guess, 5 * std::sqrt(2.0 * n / 200)) << n;
    EXPECT_GT(loss, 1.8 * last);
    last = loss;
  }
}

}  // namespace
}  // namespace ornstein::function_diffusion
