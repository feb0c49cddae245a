#include "trainers/function_diffusion/function_diffusion_trainer.h"

#include <gtest/gtest.h>

#include "framework/base/errors.h"
#include "framework/diffusion/losses.h"
#include "framework/diffusion/noise_levels.h"
#include "tests/support/linear_recursion.h"
#include "tests/support/memory_functions.h"
#include "tests/support/serial_rows.h"
#include "tests/trainers/trainer_calls.h"

namespace ornstein::function_diffusion {
namespace {

SpaceSettings with_kernel(const std::string& name, double length, double period = 0) {
  SpaceSettings settings;
  settings.noise = {.name = name, .length = length};
  if (period > 0) settings.noise.period = {period};
  return settings;
}

at::Tensor number(double value) { return at::scalar_tensor(value, at::kDouble); }
double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

// ---- Gaussian functions on a circle: Fourier modes do not mix, the best predictor is known.

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

// Check F6 of the method notes.
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

// ---- Losses as the grid is refined

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

// ---- The trainer

const std::string kNetwork = R"("network": {"name": "fourier_operator", "width": 16, "layers": 2,
  "modes": [4], "projection": 32, "time_channels": 32, "time_pairs": 8})";

std::unique_ptr<Configuration> configuration(const std::string& trainer,
                                             const std::string& network = kNetwork) {
  return Configuration::from_text("{\"trainer\": " + trainer + ", " + network + "}", "test");
}

// a cos 2 pi x + b of a circle.
MemoryFunctions circle_data(int64_t rows, int64_t n) {
  auto generator = make_generator(7);
  const at::Tensor a = at::randn({rows, 1, 1}, generator), b = at::randn({rows, 1, 1}, generator);
  const at::Tensor x = unit_circle(n).view({1, 1, n});
  return {a * (2 * M_PI * x).cos() + 0.1 * b, unit_circle(n), {1}};
}

struct Subject {
  std::unique_ptr<Configuration> configuration;
  std::unique_ptr<FunctionDiffusionTrainer> trainer;

  Subject(const Dataset& data, const std::string& keys, const std::string& network = kNetwork)
      : configuration(function_diffusion::configuration(keys, network)) {
    seed_default_generators(5);
    trainer = std::make_unique<FunctionDiffusionTrainer>(configuration->root(), data.spec());
    trainer->fit(data, serial_rows());
    // Outputs start at zero: anything else shows more.
    const at::NoGradGuard no_gradients;
    auto generator = make_generator(6);
    for (const auto& group : trainer->parameters())
      for (const auto& [name, tensor] : group.parameters)
        if (name.starts_with("project_2")) tensor.copy_(0.3 * at::randn(tensor.sizes(), generator));
  }

  Loss loss(const Dataset& data, const at::Tensor& rows) const {
    return trainer->loss(data.rows(rows), {0, 0, 1, make_generator(9), data});
  }
  at::Tensor state(const std::string& name) const {
    for (const auto& [own, tensor] : trainer->state())
      if (own == name) return tensor;
    ADD_FAILURE() << name;
    return {};
  }
};

TEST(FunctionTrainer, NormalisesByTheMeanOverTheDomain) {
  // x and 3 - 2 x^2 on [0, 1], points crowded at one end: the trapezoid rule, not the points'
  // average.
  const at::Tensor x = at::linspace(0, 1, 201, at::kDouble).square();
  const at::Tensor rows = at::stack({x, 3 - 2 * x.square()}).unsqueeze(0).to(at::kFloat);
  const Subject subject(MemoryFunctions(rows, x.to(at::kFloat).unsqueeze(1)), "{}",
                        R"("network": {"name": "point_attention", "width": 8, "heads": 2})");
  const at::Tensor mean = subject.state("mean"), std = subject.state("std");
  EXPECT_NEAR(mean[0].item<double>(), 0.5, 1e-4);
  EXPECT_NEAR(std[0].item<double>(), std::sqrt(1.0 / 12), 1e-4);
  EXPECT_NEAR(mean[1].item<double>(), 3 - 2.0 / 3, 1e-4);
  EXPECT_NEAR(std[1].item<double>(), std::sqrt(4.0 / 5 - 4.0 / 9), 1e-4);
}

TEST(FunctionTrainer, LearnsFromSeveralGridsAndKeepsTheFinest) {
  const auto mixed = [](float padding) {
    return MixedFunctions(circle_data(4, 24), circle_data(6, 32), padding);
  };
  const Subject subject(mixed(0), "{}");
  EXPECT_TRUE(subject.state("coordinates").equal(unit_circle(32)));
  const at::Tensor rows = at::tensor({7, 1, 3, 9, 0}, at::kLong);
  const Loss loss = subject.loss(mixed(0), rows), same = subject.loss(mixed(1e6), rows);
  EXPECT_EQ(loss.weight, 5);
  EXPECT_TRUE(std::isfinite(loss.sum.item<double>()));
  EXPECT_TRUE(loss.sum.equal(same.sum)) << "what lies beyond a row's grid counts";
  EXPECT_TRUE(subject.state("mean").equal(Subject(mixed(1e6), "{}").state("mean")));
}

TEST(FunctionTrainer, RowsOfAMixedSetAreThoseOfTheirOwn) {
  const MixedFunctions mixed(circle_data(4, 24), circle_data(6, 32));
  const Subject subject(mixed, R"({"noise": {"kernel": "exponential", "length": 0.1}})");
  const Loss one_grid = subject.loss(mixed, at::tensor({4, 5, 6}, at::kLong));
  const Loss plain = subject.loss(circle_data(6, 32), at::tensor({0, 1, 2}, at::kLong));
  EXPECT_NEAR(one_grid.sum.item<double>(), plain.sum.item<double>(), 1e-6);
}

TEST(FunctionTrainer, DrawsOnAnyGridWithTheConditionGiven) {
  auto generator = make_generator(2);
  const at::Tensor condition = at::randn({20, 2}, generator) * 1000;
  const MemoryFunctions data(at::randn({20, 2, 32}, generator), unit_circle(32), {1}, condition);
  Subject subject(data, R"({"steps": 3})");
  SampleRequest request{3, 4, 0, {}};
  request.given.coordinates = unit_circle(57);
  const Batch drawn = subject.trainer->sample(request, generator);
  EXPECT_EQ(drawn.x.sizes().vec(), (std::vector<int64_t>{4, 2, 57}));
  EXPECT_TRUE(drawn.coordinates.equal(unit_circle(57)));
  EXPECT_TRUE(drawn.condition.equal(condition.narrow(0, 3, 4)));  // in turn

  const auto with = [&](const at::Tensor& c) {
    request.given.condition = c;
    auto fresh = make_generator(8);
    return subject.trainer->sample(request, fresh).x;
  };
  EXPECT_FALSE(with(condition.narrow(0, 0, 4)).equal(with(condition.narrow(0, 4, 4))));
  EXPECT_LT(largest(subject.state("condition_mean") - condition.to(at::kDouble).mean(0)), 1e-9);
}

TEST(FunctionTrainer, RefusesWhatHasNoMeaning) {
  const DataSpec functions = circle_data(4, 32).spec();
  const std::vector<std::pair<std::string, std::string>> mistakes{
      {R"({"loss": "cameron_martin", "prediction": "noise"})", "trainer.prediction"},
      {R"({"loss": "cameron_martin", "prediction": "edm"})", "choose x0"},
      {R"({"loss": "cameron_martin", "path": "edm"})", "trainer.prediction"},
      {R"({"loss": "sobolev", "prediction": "v"})", "grows with the number of points"},
      {R"({"loss": "spectral", "noise": {"kernel": "white"}})", "white noise"},
      {R"({"loss": "sobolev", "process": "flow_matching"})", "trainer.loss"},
      {R"({"noise": {"kernel": "matern", "length": 2}})", "trainer.noise.length"}};
  for (const auto& [keys, says] : mistakes) {
    try {
      FunctionDiffusionTrainer(configuration(keys)->root(), functions);
      ADD_FAILURE() << keys;
    } catch (const ConfigError& error) {
      EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
    }
  }
  // Draws of a Matern field of nu = 3/2 have a gradient.
  const auto fine = configuration(
      R"({"loss": "sobolev", "prediction": "v", "noise": {"kernel": "matern", "nu": 1.5}})");
  EXPECT_NO_THROW(FunctionDiffusionTrainer(fine->root(), functions));
  const auto any = configuration("{}");
  EXPECT_THROW(FunctionDiffusionTrainer(any->root(), {.kind = "points", .shape = {2}}),
               ConfigError);
}

// ---- Values given at some points

const std::vector<int64_t> kKnown{2, 9, 17};

at::Tensor mask_of(int64_t rows, int64_t n) {
  const at::Tensor mask = at::zeros({rows, n}, at::kBool);
  for (const int64_t point : kKnown) mask.select(1, point).fill_(true);
  return mask;
}

class GivenValues : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(
    EveryWay, GivenValues,
    testing::Values(R"({"steps": 6})", R"({"steps": 6, "conditioning": "guided"})",
                    R"({"steps": 6, "path": "edm", "conditioning": "guided"})",
                    R"({"steps": 3, "process": "flow_matching"})",
                    R"({"steps": 3, "process": "flow_matching", "conditioning": "guided"})"));

TEST_P(GivenValues, AreMetAndTheRestVaries) {
  const MemoryFunctions data = circle_data(16, 32);
  Subject subject(data, GetParam());
  auto generator = make_generator(4);
  SampleRequest request{0, 6, 0, {}};
  request.given.x = data.rows(at::zeros({6}, at::kLong)).x;
  request.given.coordinates = unit_circle(32);
  request.given.mask = mask_of(6, 32);
  const at::Tensor x = subject.trainer->sample(request, generator).x;
  const at::Tensor off = (x - request.given.x).abs().masked_select(request.given.mask.unsqueeze(1));
  EXPECT_LT(largest(off), 1e-6);
  const at::Tensor spread = x.std(0).squeeze(0).masked_select(~request.given.mask[0]);
  EXPECT_GT(spread.min().item<double>(), 1e-3);
  EXPECT_TRUE(x.isfinite().all().item<bool>());
}

TEST(GivenValues, OfSomeOtherGridAreRefused) {
  Subject subject(circle_data(16, 32), "{}");
  auto generator = make_generator(4);
  SampleRequest request{0, 2, 1, {}};
  request.given.x = at::zeros({2, 1, 31});
  request.given.mask = at::ones({2, 31}, at::kBool);
  EXPECT_THROW(subject.trainer->sample(request, generator), ConfigError);
  request.given.x = at::zeros({2, 1, 32});
  request.given.mask = at::ones({2, 32}, at::kBool);
  request.given.mask[1][4] = false;
  EXPECT_THROW(subject.trainer->sample(request, generator), ConfigError);
}

// Trap 5 of the method notes: at every level the state there is the value plus noise of that level.
TEST(Observation, KeepsTheStateAtItsOwnLevel) {
  const int64_t rows = 4000, n = 24;
  const FunctionSpace space(with_kernel("exponential", 0.2), unit_interval(n));
  const at::Tensor values = at::full({rows, 1, n}, 0.7);
  const Observation known(space, {}, values, mask_of(rows, n));
  const at::Tensor at_known = at::tensor(kKnown);
  auto generator = make_generator(11);
  const NoiseSource noise = [&](const at::Tensor& like, at::Generator& g) {
    return space.draw(like, g);
  };
  const Denoiser watched = [&](const at::Tensor& y, const at::Tensor& sigma) {
    const double level = sigma[0].item<double>();
    const at::Tensor e = (y.index_select(2, at_known).squeeze(1) - 0.7).to(at::kDouble) / level;
    const at::Tensor covariance = e.t().mm(e) / rows;
    const at::Tensor x = space.coordinates().to(at::kDouble).index_select(0, at_known);
    const at::Tensor k = covariance_matrix(space.noise(), x, x);
    EXPECT_LT(largest(covariance - k), 5 * std::sqrt(2.0 / rows)) << level;
    return known.corrected([](const at::Tensor& state) { return 0.3 * state; }, y);
  };
  const at::Tensor sigmas = at::tensor({20.0, 6.0, 2.0, 0.5, 0.1, 0.0}, at::kDouble);
  const at::Tensor xi = noise(values, generator);
  const at::Tensor end = sample_ancestral(watched, 20 * xi + known.met_by(0.02 * xi), sigmas,
                                          ReverseVariance::small, generator, noise);
  EXPECT_LT(largest(end.index_select(2, at_known) - 0.7), 1e-6);
}

// Gaussian functions: E[u_0 | y, u_0(x_c)] by conditioning on all that is known at once.
TEST(Observation, GuidanceIsExactForGaussianFunctions) {
  const int64_t n = 24, rows = 5;
  const FunctionSpace space(with_kernel("exponential", 0.2), unit_interval(n));
  const at::Tensor x = unit_interval(n).to(at::kDouble);
  const at::Tensor k = covariance_matrix(space.noise(), x, x);
  const at::Tensor s =
      covariance_matrix({.name = "matern", .variance = 2, .length = 0.3, .nu = 2.5}, x, x);
  const double sigma = 0.8;
  const at::Tensor of_state = s + sigma * sigma * k;
  const at::Tensor gain = at::linalg_solve(of_state, s).t();  // S (S + sigma^2 K)^{-1}

  auto generator = make_generator(12);
  const at::Tensor y = at::randn({rows, 1, n}, generator, at::kDouble);
  const at::Tensor values = at::randn({rows, 1, n}, generator, at::kDouble);
  const at::Tensor c = at::tensor(kKnown);
  const at::Tensor s_c = s.index_select(1, c);  // [n, 3]
  const at::Tensor joint =
      at::cat({at::cat({of_state, s_c}, 1), at::cat({s_c.t(), s_c.index_select(0, c)}, 1)});
  const at::Tensor all = at::cat({y.squeeze(1), values.squeeze(1).index_select(1, c)}, 1);
  const at::Tensor expected = at::cat({s, s_c}, 1).mm(at::linalg_solve(joint, all.t())).t();

  const auto estimate = [&](const at::Tensor& state) { return state.matmul(gain.t()); };
  const auto error = [&](const Guidance& guidance) {
    const Observation known(space, guidance, values, mask_of(rows, n));
    return largest(known.corrected(estimate, y).squeeze(1) - expected) / largest(expected);
  };
  EXPECT_LT(error({.guided = true, .iterations = 3}), 1e-7);
  EXPECT_LT(error({.guided = true, .iterations = 2}), error({.guided = true, .iterations = 1}));
  EXPECT_GT(error({}), 0.01);

  // Where functions have the noise's law, so has what is left of them at the state.
  const at::Tensor like_noise = at::eye(n, at::kDouble) / (1 + sigma * sigma);
  const auto shrink = [&](const at::Tensor& state) { return state.matmul(like_noise); };
  const auto corrected = [&](const Guidance& guidance) {
    return Observation(space, guidance, values, mask_of(rows, n)).corrected(shrink, y);
  };
  EXPECT_LT(largest(corrected({}) - corrected({.guided = true, .iterations = 1})), 1e-9);
}

// With white noise replacement changes nothing but the points themselves.
TEST(Observation, OfWhiteNoiseIsPlainReplacement) {
  const FunctionSpace space(with_kernel("white", 0), unit_interval(24));
  auto generator = make_generator(13);
  const at::Tensor f = at::randn({2, 1, 24}, generator), values = at::randn({2, 1, 24}, generator);
  const at::Tensor mask = mask_of(2, 24);
  EXPECT_TRUE(Observation(space, {}, values, mask)
                  .met_by(f)
                  .equal(at::where(mask.unsqueeze(1), values, f)));
}

// ---- Learning (check F7)

TEST(FunctionTrainer, LearnsAModeAndSamplesItOnFinerGrids) {
  auto generator = make_generator(21);
  const int64_t rows = 512, n = 64;
  const at::Tensor wave = std::sqrt(2.0) * (2 * M_PI * unit_circle(n)).cos().view({1, 1, n});
  const MemoryFunctions data(at::randn({rows, 1, 1}, generator) * wave, unit_circle(n), {1});
  Subject subject(data, R"({"prediction": "x0", "steps": 60,
                            "noise": {"kernel": "matern", "nu": 1.5, "length": 0.2}})");
  std::vector<at::Tensor> parameters;
  for (const auto& group : subject.trainer->parameters())
    for (const auto& [name, tensor] : group.parameters) parameters.push_back(tensor);
  torch::optim::Adam adam(parameters, torch::optim::AdamOptions(4e-3));
  const int64_t steps = 400, batch = 64;
  for (int64_t step = 0; step < steps; ++step) {
    adam.param_groups()[0].options().set_lr(4e-3 * (1 - static_cast<double>(step) / steps));
    adam.zero_grad();
    const at::Tensor chosen = at::randint(rows, {batch}, generator, at::kLong);
    const Loss loss = subject.trainer->loss(
        data.rows(chosen),
        {step, 0, 1, make_generator(random_key(Stream::kShard, {uint64_t(step)})), data});
    (loss.sum / loss.weight).backward();
    adam.step();
  }
  for (const int64_t points : {64, 256}) {
    SampleRequest request{0, 1500, 0, {}};
    request.given.coordinates = unit_circle(points);
    const at::Tensor x = subject.trainer->sample(request, generator).x.to(at::kDouble);
    const at::Tensor modes = at::fft_rfft(x.squeeze(1)) / static_cast<double>(points);
    const at::Tensor cosine = std::sqrt(2.0) * at::real(modes.select(1, 1));
    EXPECT_NEAR(cosine.square().mean().item<double>(), 1, 0.1) << points;
    at::Tensor energy = 2 * modes.abs().square().mean(0);
    energy[1] = 2 * at::imag(modes.select(1, 1)).square().mean();
    EXPECT_LT(largest(energy), 0.01) << points;
  }
}

}  // namespace
}  // namespace ornstein::function_diffusion
