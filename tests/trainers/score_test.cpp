#include "trainers/score/score_trainer.h"

#include <gtest/gtest.h>

#include "framework/base/errors.h"
#include "framework/diffusion/noise_levels.h"
#include "tests/support/memory_dataset.h"
#include "tests/support/serial_rows.h"
#include "tests/trainers/trainer_calls.h"

namespace ornstein::score {
namespace {

// The configuration outlives the trainer here, as it does in the program.
struct Fixture {
  Fixture(const std::string& json, const Dataset& data)
      : configuration(Configuration::from_text(json, "test")) {
    seed_default_generators(1);
    trainer = std::make_unique<ScoreTrainer>(configuration->root(), data.spec());
    trainer->fit(data, serial_rows());
  }
  std::unique_ptr<Configuration> configuration;
  std::unique_ptr<ScoreTrainer> trainer;
};

const char* const kPoints = R"({
  "trainer": {"P_mean": -1.2, "P_std": 1.5, "sigma_min": 0.002},
  "network": {"name": "mlp", "width": 64, "depth": 2}})";

const char* const kImages = R"({
  "trainer": {"steps": 3, "nll_rows": 4, "nll_steps": 4},
  "network": {"name": "unet", "block_out_channels": [8, 8], "add_attention": false,
              "down_block_types": ["DownBlock2D", "DownBlock2D"]}})";

// N(m, S) with a determinant and an entropy that are known.
at::Tensor correlated_gaussian(int64_t rows, uint64_t seed) {
  auto generator = make_generator(seed);
  const at::Tensor root = at::tensor({1.0, 0.0, 0.8, std::sqrt(0.86)}).reshape({2, 2});
  return at::randn({rows, 2}, generator).matmul(root.t().to(at::kFloat)) +
         at::tensor({1.0, -0.5}, at::kFloat);
}

// Mean negative log-density of the same rows: S = ((1, .8), (.8, 1.5)), det S = 0.86.
double true_nll(const at::Tensor& x) {
  const at::Tensor c = x.to(at::kDouble) - at::tensor({1.0, -0.5}, at::kDouble);
  const at::Tensor a = c.select(1, 0), b = c.select(1, 1);
  const at::Tensor energy = (1.5 * a * a - 1.6 * a * b + b * b) / 0.86;
  return (energy / 2).mean().item<double>() + std::log(2 * M_PI) + std::log(0.86) / 2;
}

// The smallest edm loss that data of this correlation, standardised, allow: along an eigenvector of
// eigenvalue l the mean squared error l sigma^2/(l + sigma^2) over c_out^2 = sigma^2/(1 + sigma^2).
double smallest_loss() {
  const double correlation = 0.8 / std::sqrt(1.5);
  const at::Tensor u = (at::arange(1000, at::kDouble) + 0.5) / 1000;
  const at::Tensor square = log_normal_sigmas(u, -1.2, 1.5).square();
  const auto along = [&](double l) { return (l * (1 + square) / (l + square)).mean(); };
  return ((along(1 + correlation) + along(1 - correlation)) / 2).item<double>();
}

TEST(ScoreTrainer, StandardisesEachDimensionByTheTrainingSet) {
  const MemoryDataset data("points", correlated_gaussian(1000, 1) * 7 + 30);
  Fixture fixture(kPoints, data);
  const at::Tensor x = data.rows(at::arange(1000)).x.to(at::kDouble);
  const auto state = fixture.trainer->state();
  EXPECT_LT((state[0].tensor - x.mean(0)).abs().max().item<double>(), 1e-9);
  EXPECT_LT((state[1].tensor - x.std(0, false)).abs().max().item<double>(), 1e-9);
}

// Row 7.1: the output layer is zero at the start, so F = 0 and the edm loss is the target's
// variance.
TEST(ScoreTrainer, LossBeforeTrainingIsOnePerDimension) {
  const MemoryDataset data("points", correlated_gaussian(20000, 2));
  Fixture fixture(kPoints, data);
  const Loss loss = shard_loss(*fixture.trainer, data.rows(at::arange(20000)).x, 0, 1, data);
  EXPECT_EQ(loss.weight, 20000);
  // Standard error of a row's loss, chi^2 of two dimensions or less: 1/sqrt(20000) = 0.007.
  EXPECT_NEAR(loss.sum.item<double>() / loss.weight, 1, 0.028);
}

TEST(ScoreTrainer, LossOfAShardIsASumOverItsRows) {
  const MemoryDataset data("points", correlated_gaussian(20000, 2));
  Fixture fixture(kPoints, data);
  const Loss whole = shard_loss(*fixture.trainer, data.rows(at::arange(20000)).x, 0, 1, data);
  double sum = 0, weight = 0;
  for (int64_t shard = 0; shard < 2; ++shard) {
    const at::Tensor x = data.rows(at::arange(10000) + 10000 * shard).x;
    const Loss half = shard_loss(*fixture.trainer, x, shard, 2, data);
    sum += half.sum.item<double>(), weight += half.weight;
  }
  EXPECT_EQ(weight, whole.weight);
  // Each row's loss has variance 1 or less, and the two draws are independent.
  EXPECT_NEAR(sum, whole.sum.item<double>(), 4 * std::sqrt(2 * 20000.0));
}

TEST(ScoreTrainer, NoiseBandsAddUpToTheLoss) {
  const MemoryDataset data("points", correlated_gaussian(40, 2));
  Fixture fixture(kPoints, data);
  double weight = 0, sum = 0, total = 0;
  for (int64_t shard = 0; shard < 4; ++shard) {
    const Loss loss =
        shard_loss(*fixture.trainer, data.rows(at::arange(10) + 10 * shard).x, shard, 4, data);
    ASSERT_EQ(loss.terms.size(), 3);
    for (const Term& term : loss.terms) weight += term.weight, sum += term.sum.item<double>();
    total += loss.sum.item<double>();
  }
  EXPECT_EQ(weight, 40);
  EXPECT_NEAR(sum, total, 1e-4 * total);
}

TEST(ScoreTrainer, LossOfAShardDoesNotDependOnTheOrderOfShards) {
  const MemoryDataset data("points", correlated_gaussian(32, 2));
  Fixture fixture(kPoints, data);
  const auto loss = [&](int64_t shard) {
    const at::Tensor x = data.rows(at::arange(8) + 8 * shard).x;
    return shard_loss(*fixture.trainer, x, shard, 4, data).sum.item<double>();
  };
  const std::vector<double> forwards{loss(0), loss(1), loss(2), loss(3)};
  const std::vector<double> backwards{loss(3), loss(2), loss(1), loss(0)};
  EXPECT_TRUE(std::equal(forwards.begin(), forwards.end(), backwards.rbegin()));
  EXPECT_NE(forwards[0], forwards[1]);
}

TEST(ScoreTrainer, LearnsAGaussianToItsEntropy) {
  const MemoryDataset train("points", correlated_gaussian(20000, 2));
  const MemoryDataset held_out("points", correlated_gaussian(2000, 3));
  Fixture fixture(kPoints, train);
  std::vector<at::Tensor> parameters;
  const auto groups = fixture.trainer->parameters();
  for (const auto& p : groups[0].parameters) parameters.push_back(p.tensor);
  torch::optim::Adam adam(parameters, torch::optim::AdamOptions(3e-3).betas({0.9, 0.99}));
  auto rows = make_generator(5);
  const int64_t updates = 400;
  for (int64_t n = 0; n < updates; ++n) {
    const at::Tensor x = train.rows(at::randint(20000, {512}, rows, at::kLong)).x;
    const Loss loss = fixture.trainer->loss(
        {x}, {n, 0, 1, make_generator(random_key(Stream::kShard, {7, uint64_t(n)})), train});
    adam.zero_grad();
    (loss.sum / loss.weight).backward();
    for (auto& group : adam.param_groups())
      static_cast<torch::optim::AdamOptions&>(group.options()).lr(3e-3 * (1 - double(n) / updates));
    adam.step();
  }
  const auto figures = fixture.trainer->evaluate({held_out}, serial_rows());
  const double gap = figure(figures, "nll").value - true_nll(held_out.rows(at::arange(2000)).x);
  EXPECT_LT(std::abs(gap) / 2, 0.05) << "nats a dimension";
  // Limit: 4 standard errors of 2000 rows' mean of two squares.
  EXPECT_NEAR(figure(figures, "denoising_loss").value, smallest_loss(), 4 / std::sqrt(2000.0));

  auto generator = make_generator(6);
  const at::Tensor drawn = fixture.trainer->sample({0, 20000, 32, {}}, generator).x;
  const at::Tensor covariance = at::cov(drawn.t());
  EXPECT_LT((drawn.mean(0) - at::tensor({1.0f, -0.5f})).abs().max().item<double>(), 0.1);
  EXPECT_LT((covariance - at::tensor({1.0f, 0.8f, 0.8f, 1.5f}).reshape({2, 2}))
                .abs()
                .max()
                .item<double>(),
            0.2);
}

TEST(ScoreTrainer, LikelihoodIsOfTheDatasOwnUnits) {
  const at::Tensor x = correlated_gaussian(100, 2), scale = at::tensor({3.0f, 0.25f});
  const MemoryDataset data("points", x), scaled("points", x * scale);
  Fixture one(kPoints, data), other(kPoints, scaled);
  const double nll = figure(one.trainer->evaluate({data}, serial_rows()), "nll").value;
  const double scaled_nll = figure(other.trainer->evaluate({scaled}, serial_rows()), "nll").value;
  EXPECT_NEAR(scaled_nll, nll + std::log(3.0) + std::log(0.25), 1e-4);
}

TEST(ScoreTrainer, UntrainedModelOfPointsIsAStandardNormalInStandardisedUnits) {
  // F = 0 makes D = y/(1 + sigma^2), the denoiser of N(0, 1) data: the model is N(mean, std^2).
  const at::Tensor x = correlated_gaussian(100, 2);
  const MemoryDataset data("points", x);
  Fixture fixture(kPoints, data);
  const double nll = figure(fixture.trainer->evaluate({data}, serial_rows()), "nll").value;
  const double expected =
      1 + std::log(2 * M_PI) + x.to(at::kDouble).std(0, false).log().sum().item<double>();
  EXPECT_NEAR(nll, expected, 5e-3);
}

TEST(ScoreTrainer, DrawsImagesOfTheDatasSizeWithinTheGreyLevels) {
  const MemoryDataset data = grey_images(16, 7);  // framed to 8 by 8
  Fixture fixture(kImages, data);
  EXPECT_EQ(fixture.trainer->state()[2].tensor.item<double>(), 1);
  auto generator = make_generator(3), again = make_generator(3);
  const at::Tensor drawn = fixture.trainer->sample({0, 5, 0, {}}, generator).x;
  EXPECT_EQ(drawn.sizes(), (std::vector<int64_t>{5, 1, 7, 7}));
  EXPECT_LE(drawn.abs().max().item<double>(), 1);
  EXPECT_TRUE(drawn.equal(fixture.trainer->sample({5, 5, 0, {}}, again).x));
}

TEST(ScoreTrainer, ReportsBitsOnlyForGreyLevels) {
  const MemoryDataset grey = grey_images(8, 8);
  const MemoryDataset real("images", grey.rows(at::arange(8)).x * 0.99);
  Fixture of_grey(kImages, grey), of_real(kImages, real);
  const auto figures = of_grey.trainer->evaluate({grey}, serial_rows());
  const double nll = figure(figures, "nll").value;
  EXPECT_NEAR(figure(figures, "nll_bits_per_dim").value,
              nll / (64 * std::log(2.0)) + std::log2(127.5), 1e-9);
  for (const Figure& f : of_real.trainer->evaluate({real}, serial_rows()))
    EXPECT_NE(f.name, "nll_bits_per_dim");
}

// Before training the model is a Gaussian of the pixels' variance, levels' width included: on its
// own training set it pays that Gaussian's entropy.
TEST(ScoreTrainer, UntrainedModelOfGreyLevelsPaysTheGaussiansEntropy) {
  const MemoryDataset data = grey_images(8, 8);
  const auto configuration =
      Configuration::from_text(kImages, "test", {"trainer.nll_rows=8", "trainer.nll_steps=40"});
  ScoreTrainer trainer(configuration->root(), data.spec());
  trainer.fit(data, serial_rows());
  const double bits = figure(trainer.evaluate({data}, serial_rows()), "nll_bits_per_dim").value;
  const at::Tensor x = data.rows(at::arange(8)).x.to(at::kDouble);
  const double variance = x.var(/*unbiased=*/false).item<double>() + kDequantisationVariance;
  EXPECT_NEAR(bits, std::log2(2 * M_PI * M_E * variance) / 2 - std::log2(kGreyLevel), 0.02);
}

TEST(ScoreTrainer, PassesLabelsToTheNetwork) {
  auto generator = make_generator(8);
  const MemoryDataset data("points", at::randn({30, 2}, generator), at::arange(30).remainder(3), 3);
  const auto configuration =
      Configuration::from_text(kPoints, "test", {"trainer.class_conditional=true"});
  ScoreTrainer trainer(configuration->root(), data.spec());
  trainer.fit(data, serial_rows());
  const Batch drawn = trainer.sample({4, 5, 2, {}}, generator);
  EXPECT_TRUE(drawn.labels.equal(at::tensor({1, 2, 0, 1, 2}, at::kLong)));
  bool found = false;
  const auto groups = trainer.parameters();
  for (const auto& p : groups[0].parameters) found = found || p.name == "class_embedding.weight";
  EXPECT_TRUE(found);
}

TEST(ScoreTrainer, RefusesDataItCannotLearn) {
  const auto configuration = Configuration::from_text(kPoints, "test");
  const DataSpec sphere{.kind = "points", .space = "sphere", .rows = 4, .shape = {3}};
  EXPECT_THROW(ScoreTrainer(configuration->root(), sphere), ConfigError);
}

}  // namespace
}  // namespace ornstein::score
