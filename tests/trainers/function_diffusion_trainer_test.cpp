#include "trainers/function_diffusion/function_diffusion_trainer.h"

#include <gtest/gtest.h>

#include "framework/base/errors.h"
#include "tests/support/memory_functions.h"
#include "tests/support/serial_rows.h"
#include "tests/trainers/function_support.h"
#include "tests/trainers/trainer_calls.h"

namespace ornstein::function_diffusion {
namespace {

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
    // What starts at zero shows nothing of what comes before it.
    const at::NoGradGuard no_gradients;
    auto generator = make_generator(6);
    for (const auto& group : trainer->parameters())
      for (const auto& [name, tensor] : group.parameters)
        if (name.starts_with("project_2") || name.find("modulation") != std::string::npos)
          tensor.copy_(0.3 * at::randn(tensor.sizes(), generator));
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
      {R"({"loss": "cameron_martin", "path": "edm", "prediction": "v"})", "trainer.prediction"},
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
  EXPECT_NO_THROW(FunctionDiffusionTrainer(
      configuration(R"({"loss": "cameron_martin", "path": "edm"})")->root(), functions));
  // Draws of a Matern field of nu = 3/2 have a gradient.
  const auto fine = configuration(
      R"({"loss": "sobolev", "prediction": "v", "noise": {"kernel": "matern", "nu": 1.5}})");
  EXPECT_NO_THROW(FunctionDiffusionTrainer(fine->root(), functions));
  const auto any = configuration("{}");
  EXPECT_THROW(FunctionDiffusionTrainer(any->root(), {.kind = "points", .shape = {2}}),
               ConfigError);
}

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
                    R"({"steps": 3, "process": "flow_matching", "loss": "spectral"})",
                    R"({"steps": 3, "process": "flow_matching", "conditioning": "guided"})"));

TEST_P(GivenValues, AreMetAndTheRestVaries) {
  const MemoryFunctions data = circle_data(16, 32);
  Subject subject(data, GetParam());
  auto generator = make_generator(4);
  const c10::InferenceMode as_the_program_samples;
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

// A network's derivative is not that of a conditional mean: few directions, not quite symmetric.
TEST(Observation, GuidanceByAnInexactDerivativeStaysBounded) {
  const int64_t n = 24, rows = 200;
  const FunctionSpace space(with_kernel("exponential", 0.2), unit_interval(n));
  auto generator = make_generator(14);
  const at::Tensor v = std::get<0>(at::linalg_qr(at::randn({n, 2}, generator, at::kDouble)));
  const at::Tensor noise = at::randn({n, n}, generator, at::kDouble);
  const at::Tensor gain = v.mm(v.t()) + 0.02 * (noise - noise.t());
  const auto estimate = [&](const at::Tensor& state) { return state.matmul(gain.t()); };
  const at::Tensor y = at::randn({rows, 1, n}, generator, at::kDouble);
  const at::Tensor values = at::randn({rows, 1, n}, generator, at::kDouble);
  const auto farthest = [&](const Guidance& guidance) {
    const Observation known(space, guidance, values, mask_of(rows, n));
    return largest(known.corrected(estimate, y));
  };
  for (const int64_t iterations : {1, 2, 5, 10})
    EXPECT_LT(farthest({.guided = true, .iterations = iterations}), 3 * farthest({})) << iterations;
}

// With white noise replacement changes nothing but the points themselves.
TEST(Observation, OfWhiteNoiseIsPlainReplacement) {
  const FunctionSpace space(with_kernel("white", 1), unit_interval(24));
  auto generator = make_generator(13);
  const at::Tensor f = at::randn({2, 1, 24}, generator), values = at::randn({2, 1, 24}, generator);
  const at::Tensor mask = mask_of(2, 24);
  EXPECT_TRUE(Observation(space, {}, values, mask)
                  .met_by(f)
                  .equal(at::where(mask.unsqueeze(1), values, f)));
}

// Check F7 of the method notes.
TEST(FunctionTrainer, LearnsAModeAndSamplesItOnFinerGrids) {
  auto generator = make_generator(21);
  const int64_t rows = 512, n = 32, steps = 800, batch = 64;
  const at::Tensor wave = std::sqrt(2.0) * (2 * M_PI * unit_circle(n)).cos().view({1, 1, n});
  at::Tensor a = at::randn({rows, 1, 1}, generator);
  a = a / a.square().mean().sqrt();
  const MemoryFunctions data(a * wave, unit_circle(n), {1});
  const Subject subject(data, R"({"path": "edm", "sigma_max": 40, "sampler": "heun", "steps": 16,
                                  "noise": {"kernel": "matern", "nu": 1.5, "length": 0.2}})");
  std::vector<at::Tensor> parameters;
  for (const auto& group : subject.trainer->parameters())
    for (const auto& [name, tensor] : group.parameters) parameters.push_back(tensor);
  torch::optim::Adam adam(parameters);
  for (int64_t step = 0; step < steps; ++step) {
    adam.param_groups()[0].options().set_lr(0.01 * (1 - static_cast<double>(step) / steps));
    adam.zero_grad();
    const Loss loss = subject.trainer->loss(
        data.rows(at::randint(rows, {batch}, generator, at::kLong)),
        {step, 0, 1, make_generator(random_key(Stream::kShard, {uint64_t(step)})), data});
    (loss.sum / loss.weight).backward();
    adam.step();
  }
  for (const int64_t points : {64, 256}) {
    SampleRequest request{0, 1000, 0, {}};
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
