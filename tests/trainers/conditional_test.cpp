#include "trainers/conditional/conditional_trainer.h"

#include <gtest/gtest.h>

#include "framework/base/errors.h"
#include "framework/diffusion/noise_levels.h"
#include "framework/diffusion/samplers.h"
#include "tests/support/memory_dataset.h"
#include "tests/support/serial_rows.h"
#include "tests/trainers/trainer_calls.h"
#include "trainers/conditional/quality.h"

namespace ornstein::conditional {
namespace {

// A pair whose conditional scores are known: x ~ N(0, 1), y = x + 0.1 n, images of one pixel.

constexpr double kNoise = 0.01;                       // variance of y given x
constexpr double kPosterior = kNoise / (1 + kNoise);  // variance of x given y

at::Tensor pixels(const at::Tensor& values) { return values.to(at::kDouble).view({-1, 1, 1, 1}); }

Observation observation_of(const at::Tensor& y) {
  return {y, {}, at::ones({1, 1, 1, 1}, y.options())};
}

// E[x | x_t, y_t] = gain_x x_t + gain_y y_t, from the precisions of prior, x_t and y_t.
struct Gains {
  double x, y;
};
Gains gains(double sigma_x, double sigma_y) {
  const double of_x = 1 / (sigma_x * sigma_x), of_y = 1 / (kNoise + sigma_y * sigma_y);
  return {of_x / (1 + of_x + of_y), of_y / (1 + of_x + of_y)};
}

// The exact x block as a network that predicts x0; it sees c_in x_t, c_in y_t and log sigma_x.
DiffusionNetwork exact_network(const Estimator& estimator) {
  return [=](const at::Tensor& input, const at::Tensor& log_sigma) {
    const at::Tensor log_level = log_sigma.to(at::kDouble);
    const double sigma_x = std::exp(log_level[0].item<double>());
    const double sigma_y = estimator.condition_sigma(log_level.exp())[0].item<double>();
    const Gains g = gains(sigma_x, sigma_y);
    const at::Tensor z = input.to(at::kDouble);
    return (g.x * std::hypot(sigma_x, 1.0) * z.narrow(1, 0, 1) +
            g.y * std::hypot(sigma_y, 1.0) * z.narrow(1, 1, 1))
        .to(input);
  };
}

// All signs of x, n, e_x, e_y: the two-point Gauss-Hermite rule, exact for what is quadratic in
// Gaussian numbers.
struct Quadrature {
  at::Tensor x, y, e_x, e_y;  // [16, 1, 1, 1] each
  Quadrature() {
    const at::Tensor s = at::tensor({-1.0, 1.0}, at::kDouble);
    const at::Tensor nodes = at::cartesian_prod({s, s, s, s});
    x = pixels(nodes.select(1, 0)), y = x + std::sqrt(kNoise) * pixels(nodes.select(1, 1));
    e_x = pixels(nodes.select(1, 2)), e_y = pixels(nodes.select(1, 3));
  }
};

// E|grad log p(x_t | y_t) - grad log p(x_t | y)|^2, the first as the sampler computes it.
double score_error(const Estimator& estimator, double sigma_x) {
  const Quadrature q;
  const at::Tensor sigma = at::full({16}, sigma_x, at::kDouble);
  const at::Tensor x_t = q.x + sigma_x * q.e_x;
  const auto condition = [&](const at::Tensor& sigma_y) {
    return q.y + per_row(sigma_y.to(at::kDouble), q.y) * q.e_y;
  };
  const Denoiser denoiser =
      make_denoiser(x_block(exact_network(estimator), estimator, condition), Prediction::data, 1);
  const double square = sigma_x * sigma_x;
  const at::Tensor score = (denoiser(x_t, sigma) - x_t) / square;
  const at::Tensor truth = -(x_t - q.y / (1 + kNoise)) / (kPosterior + square);
  return (score - truth).square().mean().item<double>();
}

// By the tower property the error is the difference of the Fisher informations.
double fisher_difference(double sigma_x, double sigma_y) {
  const double noise = kNoise + sigma_y * sigma_y, square = sigma_x * sigma_x;
  return 1 / (kPosterior + square) - 1 / (noise / (1 + noise) + square);
}

// Row 1.6.
TEST(ConditionalEstimators, ErrorOfCmdeIsTheLostFisherInformationAndVanishesWithTheNoise) {
  const std::vector<std::pair<double, double>> rows{
      {1, 2.5187}, {0.5, 1.6563}, {0.1, 0.13853}, {0.05, 0.035854}, {0.01, 0.0014506}};
  double last = 1e9;
  for (const auto& [sigma_y, expected] : rows) {
    const Estimator estimator{EstimatorKind::cmde, 1e-3, 0.5, sigma_y};  // at its end, x's 0.5
    const double error = score_error(estimator, 0.5);
    EXPECT_NEAR(error, fisher_difference(0.5, sigma_y), 1e-5);
    EXPECT_NEAR(error, expected, 1e-4);
    EXPECT_LT(error, last);
    last = error;
  }
}

// Row 1.7.
TEST(ConditionalEstimators, ErrorOfCdiffeIsLargestNearTheData) {
  const std::vector<std::pair<double, double>> rows{{0.1, 16.474}, {0.5, 1.6563}, {2, 0.041067}};
  for (const auto& [sigma, expected] : rows) {
    const double error = score_error({EstimatorKind::cdiffe}, sigma);
    EXPECT_NEAR(error, fisher_difference(sigma, sigma), 1e-4);
    EXPECT_NEAR(error, expected, 1e-3);
  }
}

TEST(ConditionalEstimators, CdeHasNoError) {
  for (const double sigma : {0.1, 0.5, 2.0})
    EXPECT_LT(score_error({EstimatorKind::cde}, sigma), 1e-8);
}

// The gradient of the loss at a linear denoiser a x_t + b y_t, by quadrature.
double loss_gradient(const Estimator& estimator, const Gains& at_gains, double sigma_x) {
  const Quadrature q;
  const at::Tensor weights = at::tensor({at_gains.x, at_gains.y}, at::kDouble).requires_grad_(true);
  const at::Tensor sigma = at::full({16}, sigma_x, at::kDouble);
  const at::Tensor sigma_y = estimator.condition_sigma(sigma);
  const double level = sigma_y[0].item<double>();
  const DiffusionNetwork linear = [&](const at::Tensor& input, const at::Tensor&) {
    return weights[0] * std::hypot(sigma_x, 1.0) * input.narrow(1, 0, 1) +
           weights[1] * std::hypot(level, 1.0) * input.narrow(1, 1, 1);
  };
  const BlockLosses losses =
      joint_loss(linear, Prediction::data, q.x, observation_of(q.y), q.e_x, q.e_y, sigma, sigma_y);
  losses.x.mean().backward();
  return weights.grad().abs().max().item<double>();
}

TEST(ConditionalEstimators, MinimiserOfTheCdeLossIsTheTrueConditionalMean) {
  for (const double sigma : {0.1, 0.5, 2.0}) {
    const Estimator cde{EstimatorKind::cde}, cmde{EstimatorKind::cmde, 0.01, 40, 0.5};
    EXPECT_LT(loss_gradient(cde, gains(sigma, 0), sigma), 1e-12);
    const double level = cmde.condition_sigma(at::full({1}, sigma, at::kDouble)).item<double>();
    EXPECT_LT(loss_gradient(cmde, gains(sigma, level), sigma), 1e-12);
    // Not of cmde's: there E[(D - x) y_t] = gain_y sigma_y^2.
    EXPECT_NEAR(loss_gradient(cmde, gains(sigma, 0), sigma), 2 * gains(sigma, 0).y * level * level,
                1e-12);
  }
}

// The exact conditional denoiser is linear: Heun's steps multiply x - E[x|y] by a number.
TEST(ConditionalEstimators, CdeSamplesTheConditionalLaw) {
  const int64_t rows = 20000;
  const at::Tensor y = at::full({rows, 1, 1, 1}, 0.7);
  const at::Tensor sigmas = karras_grid(60, 0.002, 40);
  const Estimator cde{EstimatorKind::cde, 0.002, 40};
  auto generator = make_generator(5);
  const double start = std::hypot(40.0, 1.0);
  const at::Tensor drawn = sample_heun(
      make_denoiser(x_block(exact_network(cde), cde, [&](const at::Tensor&) { return y; }),
                    Prediction::data, 1),
      start * at::randn({rows, 1, 1, 1}, generator), sigmas);

  const double mean = 0.7 / (1 + kNoise);
  double factor = 1;
  for (int64_t i = 0; i < 60; ++i) {
    const double s = sigmas[i].item<double>(), next = sigmas[i + 1].item<double>();
    const auto slope = [](double level) { return level / (kPosterior + level * level); };
    const double euler = 1 + (next - s) * slope(s);
    factor *= next == 0 ? euler : 1 + (next - s) / 2 * (slope(s) + slope(next) * euler);
  }
  const double variance = std::pow(factor * start, 2), expected = mean * (1 - factor);
  EXPECT_NEAR(variance / kPosterior, 1, 0.03);  // what discretisation leaves
  const double n = static_cast<double>(rows);
  EXPECT_NEAR(drawn.mean().item<double>(), expected, 4 * std::sqrt(variance / n));
  EXPECT_NEAR(drawn.var().item<double>() / variance, 1, 4 * std::sqrt(2 / n));
}

TEST(ConditionalEstimators, ClockOfTheConditionIsAVeProcessOfItsOwnEnd) {
  const Estimator cmde{EstimatorKind::cmde, 0.01, 40, 0.5};
  const at::Tensor t = at::linspace(0, 1, 7, at::kDouble);
  const at::Tensor sigma_x = 0.01 * at::pow(at::scalar_tensor(4000, at::kDouble), t);
  const at::Tensor sigma_y = 0.01 * at::pow(at::scalar_tensor(50, at::kDouble), t);
  EXPECT_LT((cmde.condition_sigma(sigma_x) / sigma_y - 1).abs().max().item<double>(), 1e-12);
  const at::Tensor beyond = cmde.condition_sigma(at::tensor({1e-4, 1e3}, at::kDouble));
  EXPECT_NEAR(beyond[0].item<double>(), 0.01, 1e-15);
  EXPECT_NEAR(beyond[1].item<double>(), 0.5, 1e-12);

  const at::Tensor sigma = at::tensor({0.02, 0.5, 39.0}, at::kDouble);
  EXPECT_TRUE(Estimator{EstimatorKind::cdiffe}.condition_sigma(sigma).equal(sigma));
  EXPECT_EQ(Estimator{EstimatorKind::cde}.condition_sigma(sigma).count_nonzero().item<int64_t>(),
            0);
}

// g^2/sigma^2 = dlog sigma^2/dt, so the ratio of two blocks' weights is dlog sigma_y/dlog sigma_x.
TEST(ConditionalEstimators, WeightOfTheConditionIsTheRatioOfLikelihoodWeights) {
  for (const EstimatorKind kind : {EstimatorKind::cdiffe, EstimatorKind::cmde}) {
    const Estimator estimator{kind, 0.01, 40, 0.5};
    for (const double sigma : {0.02, 0.5, 30.0}) {
      const at::Tensor near = at::tensor({sigma * 0.999, sigma * 1.001}, at::kDouble);
      const at::Tensor rise = estimator.condition_sigma(near).log().diff() / near.log().diff();
      EXPECT_NEAR(rise.item<double>(), estimator.condition_weight(), 1e-9);
    }
  }
  EXPECT_EQ(Estimator{EstimatorKind::cde}.condition_weight(), 0);
}

TEST(ConditionalEstimators, VsCmdeAnnealsFromCdiffeToCmde) {
  const Estimator vs{EstimatorKind::vs_cmde, 0.01, 40, 0.5, 100};
  EXPECT_DOUBLE_EQ(vs.at_step(0).sigma_max_y, 40);
  EXPECT_DOUBLE_EQ(vs.at_step(0).condition_weight(), 1);
  EXPECT_DOUBLE_EQ(1 / vs.at_step(25).sigma_max_y, 0.75 / 40 + 0.25 / 0.5);
  EXPECT_EQ(vs.at_step(100).sigma_max_y, 0.5);
  EXPECT_EQ(vs.at_step(1000).sigma_max_y, 0.5);
  const Estimator cmde{EstimatorKind::cmde, 0.01, 40, 0.5, 100};
  EXPECT_EQ(cmde.at_step(25).sigma_max_y, 0.5);
}

TEST(ConditionPath, HasTheVeProcessesMarginalsAndCovariances) {
  const int64_t rows = 20000;
  auto generator = make_generator(3);
  const at::Tensor y = at::full({rows, 1, 1, 1}, -0.4, at::kDouble);
  const auto at_level = condition_path(y, [&] {
    return at::randn({rows, 1, 1, 1}, generator, at::dtype(at::kDouble));
  });
  std::vector<std::pair<double, at::Tensor>> path;
  for (const double s : {5.0, 2.0, 1.9, 0.3})
    path.emplace_back(s, at_level(at::full({rows}, s, at::kDouble)).flatten() + 0.4);
  const double n = static_cast<double>(rows);
  for (size_t i = 0; i < path.size(); ++i) {
    const auto& [s, y_s] = path[i];
    EXPECT_NEAR(y_s.mean().item<double>(), 0, 4 * s / std::sqrt(n));
    for (size_t j = 0; j <= i; ++j) {  // y_t = y_s + noise of variance t^2 - s^2
      const auto& [t, y_t] = path[j];
      const double error = std::sqrt((s * s * t * t + std::pow(s, 4)) / n);
      EXPECT_NEAR((y_s * y_t).mean().item<double>(), s * s, 4 * error) << s << " " << t;
    }
  }
}

TEST(ConditionPath, IsContinuousWhileFreshNoiseIsNot) {
  const int64_t rows = 4000;
  auto generator = make_generator(3);
  const at::Tensor y = at::zeros({rows, 1, 1, 1}, at::kDouble);
  const auto noise = [&] { return at::randn(y.sizes(), generator, y.options()); };
  const auto level = [&](double s) { return at::full({rows}, s, at::kDouble); };
  const auto step = [&](const ConditionAt& condition, double t, double s) {
    const at::Tensor first = condition(level(t));
    return (condition(level(s)) - first).square().mean().item<double>();
  };
  const double four = 4 * std::sqrt(2.0 / rows);
  EXPECT_EQ(step(condition_path(y, noise), 0.5, 0.5), 0);  // Heun's two calls at one level
  EXPECT_NEAR(step(condition_path(y, noise), 0.5, 0.4) / (0.25 - 0.16), 1, four);
  EXPECT_NEAR(step(fresh_condition(y, noise), 0.5, 0.5) / 0.5, 1, four);
  EXPECT_THROW(step(condition_path(y, noise), 0.4, 0.5), c10::Error);
}

DataSpec images_of(int64_t height, int64_t width, int64_t classes = 0) {
  return {.kind = "images", .rows = 4, .classes = classes, .shape = {2, height, width}};
}

Task task_of(const std::vector<std::string>& settings, int64_t height = 12, int64_t width = 12,
             int64_t multiple = 8) {
  const auto configuration = Configuration::from_text("{}", "test", settings);
  Task task = read_task(configuration->root(), images_of(height, width));
  task.frame.multiple = multiple;
  return task;
}

at::Tensor framed_noise(const Task& task, int64_t rows = 5) {
  auto generator = make_generator(6);
  return task.frame.pad(at::randn({rows, 2, task.frame.height, task.frame.width}, generator));
}

TEST(ConditionalTask, SeesEachNumberOfASmallImageAsABlock) {
  const Task task = task_of({"factor=3"});
  const at::Tensor x = framed_noise(task);
  auto generator = make_generator(1);
  const Observation seen = task.observe(x, generator);
  const at::Tensor inside = task.frame.cut(seen.y),
                   small = at::avg_pool2d(task.frame.cut(x), {3, 3});
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 3; ++j)
      EXPECT_TRUE(inside.slice(2, i, 12, 3).slice(3, j, 12, 3).equal(small));
  EXPECT_LT((task.seen(seen.y, {}) - seen.y).abs().max().item<double>(), 1e-6);
  EXPECT_NEAR(seen.share.sum().item<double>(), 16, 1e-4);  // 4 by 4 numbers a channel
  EXPECT_EQ((seen.y - x).slice(2, 0, 2).count_nonzero().item<int64_t>(), 0);  // the frame
}

TEST(ConditionalTask, SquaredResidualIsTheMeanOverTheNumbersOfY) {
  for (const char* kind : {"task=super_resolution", "task=inpainting"}) {
    const Task task = task_of({kind, "factor=3", "hole=rectangle", "fraction=0.4"});
    const at::Tensor x = framed_noise(task), other = x + 0.3;
    auto generator = make_generator(1);
    const Observation seen = task.observe(x, generator);
    EXPECT_LT(task.squared_residual(x, seen).max().item<double>(), 1e-12);
    EXPECT_LT((task.squared_residual(other, seen) - 0.09).abs().max().item<double>(), 1e-5);
  }
}

TEST(ConditionalTask, NoiseIsOfTheNumbersOfYAndNowhereElse) {
  for (const char* kind : {"task=super_resolution", "task=inpainting"}) {
    const Task task = task_of({kind, "factor=4", "hole=pixels", "fraction=0.3"});
    const at::Tensor x = framed_noise(task, 200);
    auto generator = make_generator(1);
    const Observation seen = task.observe(x, generator);
    const at::Tensor noise = task.noise(seen, generator);
    EXPECT_EQ((noise * (seen.share == 0)).count_nonzero().item<int64_t>(), 0);
    const double numbers = 2 * (seen.share.expand({200, 1, 16, 16})).sum().item<double>();
    EXPECT_NEAR((noise.square() * seen.share).sum().item<double>() / numbers, 1,
                4 * std::sqrt(2 / numbers));
    if (seen.mask.defined()) continue;
    EXPECT_LT((task.seen(noise, {}) - noise).abs().max().item<double>(), 1e-6);  // U A U e = U e
  }
}

TEST(ConditionalTask, HolesAreWhereTheySayTheyAre) {
  auto generator = make_generator(2);
  const Task centre = task_of({"task=inpainting", "fraction=0.5"}, 12, 8);
  const at::Tensor x = framed_noise(centre, 300);
  const at::Tensor mask = centre.observe(x, generator).mask;
  at::Tensor expected = at::ones({12, 8});
  expected.slice(0, 3, 9).slice(1, 2, 6).zero_();
  EXPECT_TRUE(centre.frame.cut(mask)[7][0].equal(expected));
  EXPECT_EQ(mask.slice(2, 0, 2).min().item<double>(), 1);  // the frame is seen

  const Task rectangle = task_of({"task=inpainting", "hole=rectangle", "fraction=0.5"}, 12, 8);
  const at::Tensor moved = rectangle.observe(x, generator).mask;
  EXPECT_TRUE((1 - moved).flatten(1).sum(1).eq(24).all().item<bool>());
  EXPECT_EQ(rectangle.frame.cut(moved).amin({0, 1}).max().item<double>(), 0);  // everywhere
  EXPECT_FALSE(moved[0].equal(moved[1]) && moved[1].equal(moved[2]));

  const Task pixel = task_of({"task=inpainting", "hole=pixels", "fraction=0.2"}, 12, 8);
  const double hidden = 1 - pixel.frame.cut(pixel.observe(x, generator).mask).mean().item<double>();
  EXPECT_NEAR(hidden, 0.2, 4 * std::sqrt(0.16 / (300 * 96)));
}

TEST(ConditionalTask, NeverNoisesTheMaskNorTheHole) {
  const Task task = task_of({"task=inpainting", "hole=rectangle"});
  const at::Tensor x = framed_noise(task);
  auto generator = make_generator(1);
  const Observation seen = task.observe(x, generator);
  std::vector<at::Tensor> inputs;
  Network network;
  network.call = [&](const at::Tensor& input, const at::Tensor&, const Batch&) {
    inputs.push_back(input);
    return at::zeros_like(input.narrow(1, 0, 4));
  };
  const auto bound = bind(network, seen, {});
  const at::Tensor sigma = at::full({5}, 3.0);
  const auto noise = [&] { return task.noise(seen, generator); };
  joint_loss(bound, Prediction::edm, x, seen, at::randn_like(x), noise(), sigma, sigma);
  x_block(bound, {EstimatorKind::cdiffe}, fresh_condition(seen.y, noise))(x, sigma.log());
  x_block(bound, {EstimatorKind::cmde}, condition_path(seen.y, noise))(x, sigma.log());
  ASSERT_EQ(inputs.size(), 3u);
  for (const at::Tensor& input : inputs) {
    EXPECT_EQ(input.size(1), 5);
    EXPECT_TRUE(input.narrow(1, 4, 1).equal(seen.mask));
    const at::Tensor y_t = input.narrow(1, 2, 2);
    EXPECT_EQ((y_t * (1 - seen.mask)).count_nonzero().item<int64_t>(), 0);
    EXPECT_FALSE(y_t.equal(seen.y));
  }
}

TEST(ImageQuality, PsnrOfAKnownError) {
  const at::Tensor a = at::zeros({2, 1, 4, 4}),
                   b = a + at::tensor({0.02f, 0.2f}).view({2, 1, 1, 1});
  EXPECT_NEAR(psnr(a, b, 2)[0].item<double>(), 40, 1e-5);
  EXPECT_NEAR(psnr(a, b, 2)[1].item<double>(), 20, 1e-5);
}

TEST(ImageQuality, SsimIsOneOfEqualsAndKnownOfConstants) {
  auto generator = make_generator(1);
  const at::Tensor x = at::randn({3, 2, 13, 16}, generator);
  EXPECT_LT((ssim(x, x, 2) - 1).abs().max().item<double>(), 1e-12);
  const double a = 0.3, b = -0.2, c1 = std::pow(0.01 * 2, 2);
  const at::Tensor of_a = at::full({1, 1, 12, 12}, a, at::kDouble);
  EXPECT_NEAR(ssim(of_a, at::full_like(of_a, b), 2).item<double>(),
              (2 * a * b + c1) / (a * a + b * b + c1), 1e-9);
}

// One window of independent weights w: the definition, term by term.
TEST(ImageQuality, SsimOfOneWindowIsTheDefinition) {
  auto generator = make_generator(2);
  const at::Tensor a = at::randn({1, 1, 11, 11}, generator, at::dtype(at::kDouble));
  const at::Tensor b = a + 0.5 * at::randn({1, 1, 11, 11}, generator, at::dtype(at::kDouble));
  const at::Tensor line = (-(at::arange(11, at::kDouble) - 5).square() / 4.5).exp();
  at::Tensor w = line.unsqueeze(0) * line.unsqueeze(1);
  w = w / w.sum();
  const auto mean = [&](const at::Tensor& x) { return (w * x).sum().item<double>(); };
  const double ma = mean(a), mb = mean(b), c1 = std::pow(0.03, 2),
               c2 = std::pow(0.09, 2);  // range 3
  const double va = mean((a - ma).square()), vb = mean((b - mb).square());
  const double cov = mean((a - ma) * (b - mb));
  const double expected =
      (2 * ma * mb + c1) * (2 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
  EXPECT_NEAR(ssim(a, b, 3).item<double>(), expected, 1e-9);
}

const std::string kNetwork = R"("network": {
  "name": "unet", "block_out_channels": [8, 8], "add_attention": false, "norm_num_groups": 2,
  "down_block_types": ["DownBlock2D", "DownBlock2D"]})";
const std::string kConfig = R"({
  "trainer": {"path": "edm", "factor": 2, "steps": 3, "evaluation_rows": 4}, )" +
                            kNetwork + "}";

struct Fixture {
  explicit Fixture(const Dataset& data, const std::vector<std::string>& settings = {})
      : configuration(Configuration::from_text(kConfig, "test", settings)) {
    seed_default_generators(1);
    trainer = std::make_unique<ConditionalTrainer>(configuration->root(), data.spec());
    trainer->fit(data, serial_rows());
  }
  // A network whose output depends on its input: at the start its last layer is zero.
  void disturb() {
    const at::NoGradGuard no_gradients;
    auto generator = make_generator(17);
    for (const auto& group : trainer->parameters())
      for (const auto& p : group.parameters)
        p.tensor.add_(at::randn(p.tensor.sizes(), generator), 0.1);
  }
  at::Tensor draw(const at::Tensor& given = {}, int64_t rows = 3) {
    auto generator = make_generator(9);
    return trainer->sample({0, rows, 0, {given}}, generator).x;
  }
  std::unique_ptr<Configuration> configuration;
  std::unique_ptr<ConditionalTrainer> trainer;
};

MemoryDataset white_images(int64_t rows, int64_t size) {
  auto generator = make_generator(8);
  return {"images", 0.3 * at::randn({rows, 1, size, size}, generator) + 0.1};
}

// Row 7.1 for both blocks: F = 0, unit targets. y's 6 by 6 means of 2 by 2 white pixels have
// variance 1/4, and are a quarter of x's numbers.
TEST(ConditionalTrainer, LossBeforeTrainingIsOneANumber) {
  const MemoryDataset data = white_images(512, 12);
  const at::Tensor x = data.rows(at::arange(512)).x;
  for (const char* name : {"cde", "cdiffe", "cmde", "vs_cmde"}) {
    const std::string estimator = std::string("trainer.estimator=") + name;
    Fixture fixture(data, {estimator, "trainer.prediction=noise"});
    const Loss loss = shard_loss(*fixture.trainer, x, 0, 1, data);
    const double weight = std::string(name) == "cde" ? 0
                          : std::string(name) == "cmde"
                              ? std::log(0.5 / 0.002) / std::log(80 / 0.002)
                              : 1;  // vs_cmde begins as cdiffe
    EXPECT_NEAR(loss.sum.item<double>() / loss.weight, 1 + weight / 4, 0.02) << name;
    EXPECT_EQ(loss.terms.size(), weight == 0 ? 0 : std::string(name) == "vs_cmde" ? 3 : 2);
    if (weight > 0) {
      EXPECT_NEAR(loss.terms[1].sum.item<double>() / loss.weight, 0.25, 0.01);
    }
  }
  EXPECT_NEAR(shard_loss(*Fixture(data).trainer, x, 0, 1, data).terms[0].sum.item<double>() / 512,
              1,
              0.02);  // edm's target
}

TEST(ConditionalTrainer, SamplesDependOnWhatIsGiven) {
  const MemoryDataset data = white_images(20, 12);
  const at::Tensor first = data.rows(at::arange(3)).x, other = data.rows(at::arange(3) + 10).x;
  for (const std::vector<std::string>& settings : std::vector<std::vector<std::string>>{
           {"trainer.estimator=cde"},
           {"trainer.estimator=cmde"},
           {"trainer.estimator=cmde", "trainer.condition_noise=path"},
           {"trainer.estimator=cdiffe", "trainer.sampler=ancestral", "trainer.path=ve"},
           {"trainer.estimator=vs_cmde", "trainer.task=inpainting"}}) {
    Fixture fixture(data, settings);
    fixture.disturb();
    const at::Tensor of_first = fixture.draw(first);
    EXPECT_EQ(of_first.sizes(), first.sizes());
    EXPECT_TRUE(of_first.equal(fixture.draw(first)));
    EXPECT_FALSE(of_first.equal(fixture.draw(other)));
    EXPECT_TRUE(of_first.equal(fixture.draw()));  // the first training images, kept by fit
    // What A does not see changes nothing: a checkerboard in every block, or the hole.
    at::Tensor same = first.clone();
    if (settings.size() == 2 && settings[1] == "trainer.task=inpainting") {
      same.slice(2, 3, 9).slice(3, 3, 9).fill_(5);
    } else {
      const at::Tensor i = at::arange(12);
      same += 1 - 2 * (i.unsqueeze(0) + i.unsqueeze(1)).remainder(2).to(at::kFloat);
    }
    EXPECT_LT((fixture.draw(same) - of_first).abs().max().item<double>(), 1e-3);
  }
}

// Annealing begins with cdiffe's noise of y and ends with cmde's, as do the samples.
TEST(ConditionalTrainer, VsCmdeSamplesWithTheNoiseOfItsLastStep) {
  const MemoryDataset data = white_images(20, 12);
  const auto fixture_of = [&](const std::string& estimator) {
    std::vector<std::string> settings{"trainer.estimator=" + estimator, "trainer.path=ve"};
    if (estimator == "vs_cmde") settings.emplace_back("trainer.anneal_steps=10");
    auto fixture = std::make_unique<Fixture>(data, settings);
    fixture->disturb();
    return fixture;
  };
  const auto cdiffe = fixture_of("cdiffe"), cmde = fixture_of("cmde"), vs = fixture_of("vs_cmde");
  const auto differ = [](const at::Tensor& a, const at::Tensor& b) {
    return (a - b).abs().max().item<double>();
  };
  const auto step = [&](int64_t number) { return Step{number, 0, 1, make_generator(7), data}; };
  const auto end = [&](int64_t number) {
    return vs->trainer->loss(data.rows(at::arange(4)), step(number)).terms[2].sum.item<double>() /
           4;
  };
  const at::Tensor first = cdiffe->draw(), last = cmde->draw();
  EXPECT_GT(differ(first, last), 0.01) << "the test has no power";
  EXPECT_LT(differ(vs->draw(), first), 1e-3);
  vs->trainer->begin_step(step(5));
  EXPECT_GT(differ(vs->draw(), first), 0.01);
  EXPECT_GT(differ(vs->draw(), last), 0.01);
  EXPECT_NEAR(vs->trainer->state()[3].tensor.item<double>(), end(5), 1e-6);
  vs->trainer->begin_step(step(10));
  EXPECT_TRUE(vs->draw().equal(last));
  const auto loss = [&](const Fixture& of) {
    return figure(of.trainer->evaluate({data}, serial_rows()), "denoising_loss").value;
  };
  EXPECT_EQ(loss(*vs), loss(*cmde));
}

TEST(ConditionalTrainer, RowsWithoutAGivenImageCycleThroughSixteenExamples) {
  const MemoryDataset data = white_images(5, 12);  // fewer: they repeat
  Fixture fixture(data);
  const at::Tensor examples = fixture.trainer->state().back().tensor;
  EXPECT_TRUE(examples.equal(data.rows(at::arange(16) % 5).x));
  fixture.disturb();
  auto generator = make_generator(9);
  const at::Tensor tail = fixture.trainer->sample({15, 3, 0, {}}, generator).x;
  EXPECT_TRUE(tail.equal(fixture.draw(examples.index_select(0, at::tensor({15, 0, 1})))));
}

TEST(ConditionalTrainer, FramesImagesThatTheNetworkCannotHalve) {
  const MemoryDataset data = grey_images(16, 15);  // framed to 16 by 16; blocks stay the image's
  Fixture fixture(data, {"trainer.factor=5"});
  const at::Tensor drawn = fixture.draw();
  EXPECT_EQ(drawn.sizes(), (std::vector<int64_t>{3, 1, 15, 15}));
  EXPECT_LE(drawn.abs().max().item<double>(), 1);
}

// F = 0 draws white images of the data's variance v whatever is given: every figure is known.
TEST(ConditionalTrainer, FiguresOfAnUntrainedModelAreThoseOfWhiteNoise) {
  const MemoryDataset data = white_images(64, 12);
  Fixture fixture(data, {"trainer.steps=40", "trainer.evaluation_rows=64"});
  const auto figures = fixture.trainer->evaluate({data}, serial_rows());
  const double v = 0.09, pixels = 64 * 144;
  const double relative = 4 * std::sqrt(2 / pixels) + 0.02;  // 4 standard errors, discretisation
  EXPECT_NEAR(figure(figures, "diversity").value / std::sqrt(v), 1, relative);
  EXPECT_NEAR(figure(figures, "consistency").value / std::sqrt(2 * v / 4), 1, 2 * relative);
  const auto decibels = [](double mse) { return 10 * std::log10(4 / mse); };
  const double error = 10 / std::log(10.0) * 2 * relative;
  EXPECT_NEAR(figure(figures, "psnr").value, decibels(2 * v), error);
  EXPECT_NEAR(figure(figures, "psnr_of_mean").value, decibels(1.25 * v), error);
  EXPECT_NEAR(figure(figures, "ssim").value, 0, 0.1);
  EXPECT_GT(figure(figures, "psnr").standard_error, 0);
  EXPECT_NEAR(figure(figures, "denoising_loss").value, 1, 0.05);
}

TEST(ConditionalTrainer, LearnsClassesToo) {
  auto generator = make_generator(8);
  const MemoryDataset data("images", at::randn({20, 1, 12, 12}, generator),
                           at::arange(20).remainder(3), 3);
  Fixture fixture(data, {"trainer.task=labels", "trainer.estimator=cde"});
  fixture.disturb();
  auto again = make_generator(8);
  const Batch drawn = fixture.trainer->sample({4, 5, 0, {}}, generator);
  EXPECT_TRUE(drawn.labels.equal(at::tensor({1, 2, 0, 1, 2}, at::kLong)));
  Batch given;
  given.labels = at::tensor({2, 2}, at::kLong);
  EXPECT_TRUE(fixture.trainer->sample({0, 2, 0, given}, generator).labels.equal(given.labels));
  std::vector<std::string> names;
  for (const Figure& f : fixture.trainer->evaluate({data}, serial_rows())) names.push_back(f.name);
  EXPECT_EQ(names, (std::vector<std::string>{"denoising_loss", "diversity"}));
  EXPECT_EQ(fixture.trainer->state().size(), 3u);
}

TEST(ConditionalTrainer, KeysOfAnotherTaskOrEstimatorAreRefused) {
  const MemoryDataset data("images", at::zeros({4, 1, 12, 12}), at::arange(4), 4);
  const auto read = [&](const std::string& task, const std::string& estimator,
                        const std::string& key) {
    const auto configuration = Configuration::from_text(
        R"({"trainer": {"path": "edm"}, )" + kNetwork + "}", "test",
        {"trainer.task=" + task, "trainer.estimator=" + estimator, "trainer." + key});
    const ConditionalTrainer trainer(configuration->root(), data.spec());
    configuration->refuse_unknown_keys();
  };
  const std::string up = "super_resolution", in = "inpainting", labels = "labels";
  const struct {
    std::string key;
    std::vector<std::pair<std::string, std::string>> of, not_of;  // task and estimator
  } cases[] = {
      {"factor=2", {{up, "cde"}}, {{in, "cde"}, {labels, "cde"}}},
      {"hole=pixels", {{in, "cmde"}}, {{up, "cmde"}, {labels, "cde"}}},
      {"fraction=0.4", {{in, "cmde"}}, {{up, "cmde"}, {labels, "cde"}}},
      {"sigma_max_y=0.4", {{up, "cmde"}, {up, "vs_cmde"}}, {{up, "cde"}, {up, "cdiffe"}}},
      {"anneal_steps=9", {{up, "vs_cmde"}}, {{up, "cmde"}, {up, "cde"}, {up, "cdiffe"}}},
      {"condition_noise=path", {{up, "cmde"}, {in, "cdiffe"}}, {{up, "cde"}, {labels, "cde"}}},
      {"dynamic_range=3", {{up, "cde"}, {in, "cmde"}}, {{labels, "cde"}}}};
  for (const auto& [key, of, not_of] : cases) {
    for (const auto& [task, estimator] : of)
      EXPECT_NO_THROW(read(task, estimator, key)) << task << " " << estimator << " " << key;
    for (const auto& [task, estimator] : not_of)
      EXPECT_THROW(read(task, estimator, key), ConfigError)
          << task << " " << estimator << " " << key;
  }
}

// Levels 0 to 255 as floats would be seen as a condition far from all that was learned.
TEST(ConditionalTrainer, GivenImagesOfAnotherRangeThanItsGreyLevelsAreRefused) {
  const MemoryDataset grey = grey_images(16, 12);
  Fixture of_grey(grey), of_numbers(white_images(16, 12));
  const at::Tensor given = grey.rows(at::arange(3)).x, levels = (given + 1) * 127.5;
  EXPECT_NO_THROW(of_grey.draw(given));
  EXPECT_NO_THROW(of_numbers.draw(levels));
  try {
    of_grey.draw(levels);
    FAIL() << "accepted";
  } catch (const DataError& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
  }
}

TEST(ConditionalTrainer, RefusesWrongPairingsWithOneLine) {
  const MemoryDataset data = white_images(4, 12);
  const MemoryDataset labelled("images", at::zeros({4, 1, 12, 12}), at::arange(4), 4);
  const auto refuses = [](const Dataset& dataset, std::vector<std::string> settings) {
    try {
      Fixture fixture(dataset, settings);
    } catch (const ConfigError& error) {
      return std::string(error.what()).find('\n') == std::string::npos;
    }
    return false;
  };
  EXPECT_TRUE(refuses(data, {"trainer.factor=5"}));
  EXPECT_TRUE(refuses(data, {"trainer.estimator=cdme"}));
  EXPECT_TRUE(refuses(data, {"trainer.task=colour"}));
  EXPECT_TRUE(refuses(data, {"trainer.task=inpainting", "trainer.fraction=0.01"}));
  EXPECT_TRUE(refuses(data, {"trainer.task=inpainting", "trainer.fraction=0.99"}));
  EXPECT_TRUE(refuses(data, {"trainer.sigma_max_y=0.001"}));
  EXPECT_TRUE(refuses(data, {"trainer.sigma_max_y=100"}));
  EXPECT_TRUE(refuses(data, {"trainer.task=labels", "trainer.estimator=cde"}));
  EXPECT_TRUE(refuses(labelled, {"trainer.task=labels", "trainer.estimator=cmde"}));
  EXPECT_TRUE(refuses(MemoryDataset("points", at::zeros({4, 2})), {}));
  Fixture fixture(data);
  EXPECT_THROW(fixture.draw(at::zeros({3, 1, 12, 10})), ConfigError);
  EXPECT_THROW(fixture.draw(at::zeros({3, 3, 12, 12})), ConfigError);
}

}  // namespace
}  // namespace ornstein::conditional
