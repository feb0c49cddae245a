// What `evaluate` of function_diffusion is made of.
#include <gtest/gtest.h>

#include "tests/support/gaussian_oracle.h"
#include "tests/support/memory_functions.h"
#include "tests/support/serial_rows.h"
#include "tests/trainers/trainer_calls.h"
#include "trainers/function_diffusion/curve_errors.h"
#include "trainers/function_diffusion/energy_spectrum.h"
#include "trainers/function_diffusion/function_diffusion_trainer.h"
#include "trainers/function_diffusion/likelihood.h"
#include "trainers/function_diffusion/sampling_grid.h"

namespace ornstein::function_diffusion {
namespace {

Grid grid_on(const at::Tensor& coordinates, const std::vector<double>& period = {}) {
  return Grid::of(coordinates, period).value();
}

at::Tensor noise(at::IntArrayRef shape, uint64_t seed) {
  auto generator = make_generator(seed);
  return at::randn(shape, generator, at::kDouble);
}

TEST(CurveErrors, VanishForEqualSetsAndAreTheKnownOnesOfShiftAndScale) {
  const Grid grid = grid_on(unit_interval(9));
  const at::Tensor x = noise({50, 2, 9}, 1);
  for (const Figure& own : curve_errors(x, x, grid)) EXPECT_EQ(own.value, 0) << own.name;

  const auto shifted = curve_errors(x + 0.3, x, grid);
  EXPECT_NEAR(figure(shifted, "mean_error").value, 0.09, 1e-12);
  const auto scaled = curve_errors(-2 * x, x, grid);
  const at::Tensor variance = x.var(0, /*unbiased=*/false);
  const at::Tensor shares = grid.weights();  // of an interval of length 1
  EXPECT_NEAR(figure(scaled, "variance_error").value,
              9 * (variance.square() * shares).sum(1).mean().item<double>(), 1e-10);
  EXPECT_NEAR(figure(scaled, "kurtosis_error").value, 0, 1e-20);
  EXPECT_NEAR(figure(scaled, "autocorrelation_error").value, 0, 1e-20);
  EXPECT_GT(figure(scaled, "skewness_error").value, 0.01);  // it changes sign
  for (const auto& figures : {shifted, scaled})
    for (const char* same : {"kurtosis_error", "autocorrelation_error"})
      EXPECT_LT(figure(figures, same).value, 1e-20);
}

// Skewness 2 and excess kurtosis 6 of exponential numbers, Gaussian ones have none.
TEST(CurveErrors, KnowTheShapesOfLaws) {
  auto generator = make_generator(2);
  const at::Tensor uniform = at::rand({40000, 1, 4}, generator, at::kDouble);
  const auto figures =
      curve_errors(-uniform.log(), noise({40000, 1, 4}, 3), grid_on(unit_interval(4)));
  EXPECT_NEAR(std::sqrt(figure(figures, "skewness_error").value), 2, 0.1);
  EXPECT_NEAR(std::sqrt(figure(figures, "kurtosis_error").value), 6, 1.2);
}

TEST(CurveErrors, KnowTheAutocorrelationOfAnExponentialKernel) {
  const Kernel kernel{.name = "exponential", .length = 0.2};
  const auto field = GaussianField::on(kernel, unit_interval(41));
  auto generator = make_generator(4);
  const at::Tensor correlated = field.draw(4000, generator).unsqueeze(1);
  const auto figures =
      curve_errors(correlated, noise({4000, 1, 41}, 5), grid_on(unit_interval(41)));
  const at::Tensor lag = at::arange(1, 21, at::kDouble) / 40;
  EXPECT_NEAR(figure(figures, "autocorrelation_error").value,
              (-lag / 0.2).exp().square().mean().item<double>(), 0.02);
}

TEST(CurveErrors, StandardErrorsAreTheJackknifes) {
  const at::Tensor x = noise({7, 2, 6}, 6).exp(), y = noise({30, 2, 6}, 7);
  for (const std::vector<double>& period : {std::vector<double>{}, {1.3}}) {
    const Grid grid = grid_on(unit_interval(6), period);
    const auto whole = curve_errors(x, y, grid);
    for (size_t i = 0; i < whole.size(); ++i) {
      at::Tensor values = at::zeros({7}, at::kDouble);
      for (int64_t row = 0; row < 7; ++row) {
        const at::Tensor others = at::cat({x.narrow(0, 0, row), x.slice(0, row + 1)});
        values[row] = curve_errors(others, y, grid)[i].value;
      }
      const double sum = (values - values.mean()).square().sum().item<double>();
      EXPECT_NEAR(whole[i].standard_error, std::sqrt(6.0 / 7 * sum), 1e-9) << whole[i].name;
    }
  }
}

TEST(EnergySpectrum, BandIsBelowTheNyquistFrequency) {
  const auto band = [](int64_t n, double spacing) {
    return resolved_band(grid_on(unit_circle(n), {1}), {spacing})[0];
  };
  EXPECT_EQ(band(64, 1.0 / 64), 31);
  EXPECT_EQ(band(65, 1.0 / 65), 32);
  EXPECT_EQ(band(128, 1.0 / 64), 31);
  EXPECT_EQ(resolved_band(grid_on(unit_interval(33)), {1.0 / 32})[0], 15);
}

TEST(EnergySpectrum, SeesEachWaveWhereItIs) {
  for (const int64_t n : {64, 128}) {
    const Grid grid = grid_on(unit_circle(n), {1});
    const at::Tensor x = unit_circle(n).view({1, 1, n}).to(at::kDouble);
    const at::Tensor low = (2 * M_PI * 3 * x).cos().expand({4, 1, n});
    const at::Tensor high = (2 * M_PI * 25 * x).sin().expand({4, 1, n});
    EXPECT_NEAR(energy_outside(low + 2 * high, grid, {10}).value, 0.8, 1e-6);
    EXPECT_NEAR(energy_outside(low + 2 * high, grid, {30}).value, 0, 1e-6);
    // Of 5 frequencies 0..4 one has e^2 times the energy.
    const at::Tensor all =
        low + (2 * M_PI * x * 2).sin() + (2 * M_PI * x * 4).sin() + (2 * M_PI * x).cos() + 1;
    const Figure error = spectrum_error(all + (M_E - 1) * low, all, grid, {4});
    EXPECT_NEAR(error.value, std::sqrt(4.0 / 5), 1e-6);
    EXPECT_EQ(error.standard_error, 0);
  }
}

TEST(EnergySpectrum, OfThePlaneAddsRings) {
  const at::Tensor x = at::arange(24, at::kDouble) / 24;
  const at::Tensor coordinates = at::stack(at::meshgrid({x, x}, "ij"), -1);
  const Grid grid = grid_on(coordinates, {1, 1});
  const at::Tensor p = coordinates.select(2, 0), q = coordinates.select(2, 1);
  // |(3, -4)| = 5 is in the band, (7, 0) is not.
  const at::Tensor f = (2 * M_PI * (3 * p - 4 * q)).cos() + 3 * (2 * M_PI * 7 * p).sin();
  const at::Tensor samples = f.expand({2, 1, 24, 24});
  EXPECT_NEAR(energy_outside(samples, grid, {6, 6}).value, 0.9, 1e-9);
  const at::Tensor turned = (2 * M_PI * 5 * q).sin().expand({2, 1, 24, 24});  // 5 as well
  EXPECT_NEAR(spectrum_error(turned, samples, grid, {5, 5}).value, 0, 1e-6);
}

TEST(SamplingGrid, RefinementKeepsThePointsAndTheDomain) {
  const at::Tensor line = at::tensor({0.0f, 1.0f, 4.0f}).unsqueeze(1);
  const at::Tensor fine = at::tensor({0.0f, 0.5f, 1.0f, 2.5f, 4.0f}).unsqueeze(1);
  EXPECT_TRUE(refined(grid_on(line)).equal(fine));
  EXPECT_TRUE(refined(grid_on(unit_circle(8), {1})).equal(unit_circle(16)));
  const at::Tensor falling = unit_circle(8).flip(0);
  EXPECT_TRUE(refined(grid_on(falling, {1})).slice(0, 0, 16, 2).equal(falling));
  EXPECT_FLOAT_EQ(refined(grid_on(falling, {1}))[-1].item<float>(), -0.0625f);

  const at::Tensor x = unit_circle(4).squeeze(1), y = unit_interval(3).squeeze(1);
  const at::Tensor plane = at::stack(at::meshgrid({x, y}, "ij"), -1);
  const at::Tensor finer = refined(grid_on(plane, {1, 0}));
  EXPECT_EQ(finer.sizes().vec(), (std::vector<int64_t>{8, 5, 2}));
  EXPECT_TRUE(every_second(finer.permute({2, 0, 1}).unsqueeze(0))
                  .squeeze(0)
                  .permute({1, 2, 0})
                  .equal(plane));
}

TEST(SamplingGrid, IsTheLongestOfTheTrainingRows) {
  const auto rows = [](const at::Tensor& coordinates) {
    return MemoryFunctions(at::zeros({3, 1, coordinates.size(0)}), coordinates);
  };
  const at::Tensor crowded = unit_interval(11).square();
  EXPECT_TRUE(finest_grid(MixedFunctions(rows(unit_interval(7)), rows(crowded)), serial_rows())
                  .equal(crowded));
  EXPECT_TRUE(finest_grid(rows(crowded), serial_rows()).equal(crowded));
}

// Gaussian functions, their exact denoiser: by whitening as well as directly.
TEST(FunctionLikelihood, OfGaussianFunctionsIsExact) {
  struct Case {
    Kernel noise;
    at::Tensor coordinates;
  };
  const int64_t n = 16, signs = 300;
  for (const Case& c : {Case{{.name = "exponential", .length = 0.3}, unit_interval(n)},
                        Case{{.name = "matern", .length = 0.1, .period = {1}}, unit_circle(n)},
                        Case{{.name = "matern", .length = 0.2}, unit_interval(n).square()}}) {
    SpaceSettings settings;
    settings.noise = c.noise;
    const FunctionSpace space(settings, c.coordinates);
    const at::Tensor x = c.coordinates.to(at::kDouble);
    const at::Tensor k = covariance_matrix(c.noise, x, x);
    Kernel of_data{.name = "matern", .variance = 0.5, .length = 0.4, .nu = 2.5};
    of_data.period = c.noise.period;
    const at::Tensor s = covariance_matrix(of_data, x, x);
    const Denoiser exact = [&](const at::Tensor& y, const at::Tensor& sigma) {
      const double square = std::pow(sigma[0].item<double>(), 2);
      return at::linalg_solve(s + square * k, y.mT()).mT().matmul(s);
    };
    auto generator = make_generator(4);
    const at::Tensor u0 = GaussianField::on(of_data, c.coordinates)
                              .draw(1, generator)
                              .to(at::kDouble)
                              .unsqueeze(0)
                              .expand({signs, 1, n});
    const LikelihoodGrid grid{0.01, 60, 60};
    const at::Tensor values = log_likelihood(exact, space, u0, grid, generator);
    const at::Tensor smoothed = s + 1e-4 * k;
    const double expected = GaussianOracle(at::zeros({n}, at::kDouble), smoothed)
                                .log_density(u0.narrow(0, 0, 1), at::zeros({1}, at::kDouble))
                                .item<double>();
    const double error = values.std().item<double>() / std::sqrt(static_cast<double>(signs));
    EXPECT_NEAR(values.mean().item<double>(), expected, 4 * error + 0.02) << c.noise.name;
    EXPECT_LT(error, 0.5);
  }
}

TEST(FunctionTrainer, EvaluatesWithEveryFigure) {
  auto generator = make_generator(5);
  const MemoryFunctions data(at::randn({40, 2, 24}, generator), unit_circle(24), {1});
  for (const char* process : {"diffusion", "flow_matching"}) {
    const bool flow = std::string(process) == "flow_matching";
    const auto configuration = Configuration::from_text(
        fmt::format(R"({{"trainer": {{"process": "{}", "steps": 2{}}}, "network": {{
          "name": "fourier_operator", "width": 4, "layers": 1, "modes": [3], "projection": 4,
          "time_channels": 4}}}})",
                    process, flow ? "" : R"(, "nll_rows": 3, "nll_steps": 2)"),
        "test");
    seed_default_generators(1);
    FunctionDiffusionTrainer trainer(configuration->root(), data.spec());
    trainer.fit(data, serial_rows());
    const auto figures = trainer.evaluate({data, nullptr, 20}, serial_rows());
    for (const char* name : {"mean_error", "variance_error", "autocorrelation_error",
                             "skewness_error", "kurtosis_error", "spectrum_error", "energy_outside",
                             "refinement_distance", "refinement_p_value"})
      EXPECT_TRUE(std::isfinite(figure(figures, name).value)) << name;
    EXPECT_TRUE(
        std::isfinite(figure(figures, flow ? "flow_matching_loss" : "denoising_loss").value));
    if (!flow) {
      EXPECT_GT(figure(figures, "nll").standard_error, 0);
    }
  }
}

}  // namespace
}  // namespace ornstein::function_diffusion
