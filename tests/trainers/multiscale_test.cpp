#include "trainers/multiscale/multiscale_trainer.h"

#include <gtest/gtest.h>

#include "framework/base/errors.h"
#include "tests/support/linear_recursion.h"
#include "tests/support/serial_rows.h"
#include "tests/trainers/trainer_calls.h"
#include "trainers/multiscale/haar_blocks.h"
#include "trainers/score/score_trainer.h"

namespace ornstein::multiscale {
namespace {

TEST(HaarBlocks, KeepEnergyAndInvert) {  // row 1.1
  auto generator = make_generator(1);
  const at::Tensor x = at::randn({5, 3, 16, 24}, generator);
  const at::Tensor blocks = to_blocks(x, 3);
  EXPECT_TRUE(at::allclose(blocks.square().flatten(1).sum(1), x.square().flatten(1).sum(1), 1e-6));
  EXPECT_TRUE(at::allclose(to_image(blocks, 3), x, 1e-6, 1e-6));
}

TEST(HaarBlocks, OfWhiteNoiseAreWhite) {  // row 1.1
  auto generator = make_generator(2);
  const int64_t rows = 20000;
  const at::Tensor e = to_blocks(at::randn({rows, 1, 4, 4}, generator, at::kDouble), 2).flatten(1);
  const at::Tensor covariance = e.t().matmul(e) / rows, identity = at::eye(16, at::kDouble);
  const at::Tensor error = (covariance - identity) / (1 + identity).sqrt() * std::sqrt(rows);
  EXPECT_LT(error.abs().max().item<double>(), 4);
}

TEST(HaarBlocks, OfAConstantAreItsLowPassAlone) {
  const at::Tensor blocks = to_blocks(at::ones({1, 1, 8, 8}), 2)[0][0];
  EXPECT_TRUE(at::allclose(blocks, (block_numbers(8, 8, 2) == 2).to(at::kFloat) * 4, 1e-6, 1e-6));
}

TEST(MultiscaleProcess, LogSnrsAreThoseOfThePaper) {  // row 1.2
  const MultiscaleProcess process(4, 1, 16, 16);
  const auto log_snr = [&](int64_t k, double t) {
    const at::Tensor ratio = process.clock(k).noise_ratio(at::tensor({t}, at::kDouble));
    return -2 * ratio.log().item<double>();
  };
  const double published[4][4] = {
      {-10}, {0.020, -10}, {3.351, -3.324, -10}, {5.015, 0.010, -4.995, -10}};
  for (int64_t k = 1; k <= 4; ++k) {
    EXPECT_NEAR(log_snr(k, 1e-3), 10, 1e-9);
    for (int64_t i = 1; i <= k; ++i)
      EXPECT_NEAR(log_snr(k, 0.25 * i), published[k - 1][i - 1], 5.1e-4) << k << " " << i;
  }
}

TEST(MultiscaleProcess, DiffusionIsMinusSigmaSquareTimesTheSlopeOfTheLogSnr) {  // row 1.2
  const MultiscaleProcess process(4, 1, 16, 16);
  const double h = 1e-5;
  const at::Tensor t = at::tensor({0.01, 0.1, 0.2, 0.24}, at::kDouble);
  for (int64_t k = 1; k <= 4; ++k) {
    const GaussianPath& clock = process.clock(k);
    const at::Tensor slope_of_square =
        (clock.sigma(t + h).square() - clock.sigma(t - h).square()) / (2 * h);
    const at::Tensor slope_of_log = (clock.alpha(t + h) / clock.alpha(t - h)).log() / (2 * h);
    const at::Tensor square = clock.sigma(t).square();
    const at::Tensor g_square = slope_of_square - 2 * square * slope_of_log;
    EXPECT_TRUE(at::allclose(g_square, square * process.log_snr_rate(k), 1e-5)) << k;
  }
}

// Independent Haar coefficients, of one variance a block (in units of the state): the denoiser of
// interval k is linear, and so is the sampler.
class GaussianBlocks : public testing::Test {
 protected:
  GaussianBlocks() { process_.deviations().copy_(at::tensor({0.5, 1.0, 3.0}, at::kDouble)); }

  static constexpr int64_t kScales = 3, kRows = 4000, kSteps = 6;
  const MultiscaleProcess process_{kScales, 1, 8, 8};
  const at::Tensor lambda_ = at::tensor({0.3, 1.5, 4.0}, at::kDouble);  // blocks 1, 2, 3

  std::vector<Denoiser> oracles() const {
    std::vector<Denoiser> oracles;
    for (int64_t k = 1; k <= kScales; ++k) {
      const at::Tensor lambda = process_.spread(k, lambda_.slice(0, k - 1));
      oracles.push_back([lambda](const at::Tensor& y, const at::Tensor& sigma) {
        return lambda / (lambda + sigma.square()) * y;
      });
    }
    return oracles;
  }

  Sampler ancestral() const {
    const auto configuration =
        Configuration::from_text(R"({"trainer": {"variance": "small"}})", "");
    return read_sampler(configuration->root().section("trainer"), "ancestral");
  }

  // Levels of block k on its way from T_k to the data, through all intervals.
  at::Tensor levels(int64_t block) const {
    std::vector<at::Tensor> levels;
    for (int64_t k = block; k >= 1; --k) {
      const at::Tensor grid = process_.sampling_sigmas(k, kSteps), places = place(k, block);
      const at::Tensor of_block = grid.flatten(1).index_select(1, places).select(1, 0);
      levels.push_back(k == block ? of_block : of_block.slice(0, 1));
    }
    return at::cat(levels);
  }

  // Row 1.3's closed form: the variance of block k after one uninterrupted chain, in the image.
  double expected(int64_t block) const {
    const at::Tensor alpha_bar = (1 / (1 + levels(block).square())).flip(0).contiguous();
    const double* first = alpha_bar.const_data_ptr<double>();
    const AffineLaw law = reverse_ancestral(lambda_.narrow(0, block - 1, 1),
                                            {first, first + alpha_bar.numel()}, false);
    return (law.variance * process_.deviations()[block - 1].square()).item<double>();
  }

  at::Tensor place(int64_t k, int64_t block) const {
    const auto shape = process_.shape(k);
    return (block_numbers(shape[1], shape[2], process_.levels(k)).flatten() == block - k)
        .nonzero()
        .squeeze(1);
  }

  at::Tensor coefficients(const at::Tensor& images, int64_t block) const {
    return to_blocks(images.to(at::kDouble), kScales - 1)
        .flatten(1)
        .index_select(1, place(1, block));
  }
};

TEST_F(GaussianBlocks, AreSampledWithTheVarianceOfTheRecursion) {  // row 1.3
  auto generator = make_generator(3);
  const at::Tensor images =
      sample_multiscale(process_, ancestral(), oracles(), kRows, kSteps, generator);
  for (int64_t block = 1; block <= kScales; ++block) {
    const at::Tensor c = coefficients(images, block);
    const double truth = expected(block), measured = c.square().mean().item<double>();
    EXPECT_NEAR(measured, truth, 3 * truth * std::sqrt(2.0 / c.numel())) << block;
  }
}

TEST_F(GaussianBlocks, LoseVarianceWhenJunctionsHandOverTheMean) {  // row 1.4
  auto generator = make_generator(3);
  const auto denoisers = oracles();
  const Sampler sampler = ancestral();
  at::Tensor coarse;
  for (int64_t k = kScales; k >= 1; --k) {
    auto shape = process_.shape(k);
    shape.insert(shape.begin(), kRows);
    const at::Tensor sigmas = process_.sampling_sigmas(k, kSteps);
    at::Tensor y = (sigmas[0].square() + 1).sqrt() * at::randn(shape, generator, at::kDouble);
    if (coarse.defined()) y.narrow(2, 0, coarse.size(2)).narrow(3, 0, coarse.size(3)).copy_(coarse);
    if (k > 1) {
      y = sampler.run(denoisers[k - 1], y, sigmas.narrow(0, 0, kSteps), generator);
      const at::Tensor from = sigmas[kSteps - 1], to = sigmas[kSteps];
      const at::Tensor x0 = denoisers[k - 1](y, from);
      coarse = x0 + (to / from).square() * (y - x0);  // the last step without its noise
    } else {
      coarse = sampler.run(denoisers[0], y, sigmas, generator);
    }
  }
  const at::Tensor images = process_.image_of(1, coarse);
  for (int64_t block = 2; block <= kScales; ++block) {
    const at::Tensor c = coefficients(images, block);
    const double truth = expected(block), measured = c.square().mean().item<double>();
    EXPECT_LT(measured, truth - 4 * truth * std::sqrt(2.0 / c.numel())) << block;
  }
}

const char* const kConfig = R"({
  "trainer": {"scales": 3, "steps": 6, "bound_rows": 8},
  "network": {"name": "resnet", "channels": 8, "blocks": 1, "norm_num_groups": 2}})";

struct Fixture {
  explicit Fixture(const Dataset& data, const std::vector<std::string>& settings = {})
      : configuration(Configuration::from_text(kConfig, "test", settings)) {
    seed_default_generators(1);
    trainer = std::make_unique<MultiscaleTrainer>(configuration->root(), data.spec());
    groups = trainer->parameters();
    trainer->fit(data, serial_rows());
  }
  std::unique_ptr<Configuration> configuration;
  std::unique_ptr<MultiscaleTrainer> trainer;
  std::vector<ParameterGroup> groups;
};

// Row 1.5: with one scale it is `score` on the same path, bit for bit, whether the network takes
// the images as they are or framed.
const std::string kResnet =
    R"({"name": "resnet", "channels": 8, "blocks": 1, "norm_num_groups": 2})";
const std::string kUnet =
    R"({"name": "unet", "block_out_channels": [8, 8], "add_attention": false,
        "down_block_types": ["DownBlock2D", "DownBlock2D"]})";

struct Choice {
  const char *prediction, *sampler;
  std::string network;
};

TEST(MultiscaleTrainer, WithOneScaleIsTheUniformModel) {
  for (const auto& [prediction, sampler, network] :
       {Choice{"noise", "ancestral", kResnet}, Choice{"noise", "heun", kUnet},
        Choice{"v", "heun", kResnet}, Choice{"v", "ddim", kUnet}}) {
    SCOPED_TRACE(fmt::format("{} {} {}", prediction, sampler, network));
    const MemoryDataset data = grey_images(40, 7);
    Fixture multi(data, {"trainer.scales=1", fmt::format("trainer.prediction={}", prediction),
                         fmt::format("trainer.sampler={}", sampler), "network=" + network});
    const std::string uniform = fmt::format(
        R"({{"trainer": {{"path": "log_snr", "prediction": "{}", "sampler": "{}", "steps": 6}},
               "network": {}}})",
        prediction, sampler, network);
    const auto configuration = Configuration::from_text(uniform, "test");
    seed_default_generators(1);
    score::ScoreTrainer score(configuration->root(), data.spec());
    const auto groups = score.parameters();
    score.fit(data, serial_rows());

    for (int64_t shard = 0; shard < 4; ++shard) {
      const at::Tensor x = data.rows(at::arange(10) + 10 * shard).x;
      const at::Tensor ours = shard_loss(*multi.trainer, x, shard, 4, data).sum;
      const at::Tensor theirs = shard_loss(score, x, shard, 4, data).sum;
      EXPECT_TRUE(ours.equal(theirs));
      ours.backward(), theirs.backward();
    }
    const at::NoGradGuard no_gradients;
    for (size_t i = 0; i < groups[0].parameters.size(); ++i) {
      at::Tensor ours = multi.groups[0].parameters[i].tensor;
      at::Tensor theirs = groups[0].parameters[i].tensor;
      EXPECT_TRUE(ours.grad().equal(theirs.grad())) << groups[0].parameters[i].name;
      ours -= 0.1 * ours.grad(), theirs -= 0.1 * theirs.grad();
    }
    auto generator = make_generator(3), again = make_generator(3);
    EXPECT_TRUE(multi.trainer->sample({0, 5, 0, {}}, generator)
                    .x.equal(score.sample({0, 5, 0, {}}, again).x));
  }
}

TEST(MultiscaleTrainer, TrainsItsNetworksInTurnOrTogether) {
  const MemoryDataset data = grey_images(8, 8);
  const auto trained = [&](Fixture& fixture, int64_t number) {
    return fixture.trainer->begin_step({number, 0, 1, make_generator(1), data}).groups;
  };
  Fixture in_turn(data), joint(data, {"trainer.schedule=joint"});
  using Names = std::vector<std::string>;
  EXPECT_EQ(trained(in_turn, 0), Names{"scale_1"});
  EXPECT_EQ(trained(in_turn, 4), Names{"scale_2"});
  EXPECT_EQ(trained(joint, 4), (Names{"scale_1", "scale_2", "scale_3"}));
  Fixture some(data, {R"(trainer.stages=["scale_3"])"});
  EXPECT_EQ(trained(some, 5), Names{"scale_3"});
}

// Untrained, a network that predicts v is the exact denoiser of white states. The bound is then
// that model's negative log-likelihood, up to the first grains of noise.
TEST(MultiscaleTrainer, BoundOfTheExactModelIsItsLogDensity) {
  auto generator = make_generator(9);
  const at::Tensor x = 0.5 * at::randn({256, 1, 8, 8}, generator) + 0.2;
  const MemoryDataset data("images", x);
  Fixture fixture(data, {"trainer.prediction=v", "trainer.bound_rows=256"});
  const Figure bound = figure(fixture.trainer->evaluate({data}, serial_rows()), "nll_bound");

  const auto state = fixture.trainer->state();
  const at::Tensor mean = state[0].tensor, std = state[1].tensor, deviations = state[2].tensor;
  MultiscaleProcess process(3, 1, 8, 8);
  process.deviations().copy_(deviations);
  const at::Tensor z = process.state_of(1, (x.to(at::kDouble) - mean) / std);
  const at::Tensor scale = process.spread(1, deviations).log().sum() + 64 * std.log().sum();
  const at::Tensor exact = (z.square() + std::log(2 * M_PI)).flatten(1).sum(1) / 2 + scale;
  EXPECT_NEAR(bound.value, exact.mean().item<double>(), 4 * bound.standard_error);
  EXPECT_LT(bound.standard_error, 0.1 * 64) << "the test would see nothing";
}

// An untrained network predicts no noise, so that each number's error is 1 and the loss is the mean
// of the blocks' weights |dl_m/dt|, block k's being 1.
TEST(MultiscaleTrainer, WeighsBlocksByTheirClocks) {
  const MemoryDataset data = grey_images(2000, 8);
  Fixture fixture(data);
  const double numbers[] = {48, 12, 4};
  for (int64_t k = 1; k <= 3; ++k) {
    double mean = 0, squares = 0, all = 0;
    for (int64_t m = k; m <= 3; ++m) {
      const double weight = (k / 3.0 - 1e-3) / (m / 3.0 - 1e-3);
      mean += numbers[m - 1] * weight, squares += numbers[m - 1] * weight * weight;
      all += numbers[m - 1];
    }
    const at::Tensor x = data.rows(at::arange(2000)).x;
    const Loss loss = fixture.trainer->loss({x}, {k - 1, 0, 1, make_generator(5), data});
    EXPECT_NEAR(loss.sum.item<double>() / 2000, mean / all, 4 * std::sqrt(2 * squares / 2000) / all)
        << k;
  }
}

// (1 - 4^-S)/(S 3/4) of full-size steps.
TEST(MultiscaleTrainer, SavesThePixelsOfTheClosedForm) {
  const MemoryDataset data = grey_images(8, 32);
  const auto pixels = [&](int64_t scales, const char* sampler) {
    Fixture fixture(data, {fmt::format("trainer.scales={}", scales), "trainer.steps=12",
                           fmt::format("trainer.sampler={}", sampler)});
    return figure(fixture.trainer->evaluate({data}, serial_rows()), "network_pixels").value;
  };
  const double published[] = {1, 1.60, 2.29, 3.01};
  for (int64_t scales = 1; scales <= 4; ++scales)
    EXPECT_NEAR(pixels(1, "ancestral") / pixels(scales, "ancestral"), published[scales - 1], 5e-3);
  // What a sampler really asks for.
  int64_t seen = 0;
  const Denoiser counting = [&](const at::Tensor& y, const at::Tensor&) {
    seen += y.size(2) * y.size(3);
    return at::zeros_like(y);
  };
  const auto configuration = Configuration::from_text("{}", "test");
  auto generator = make_generator(1);
  sample_multiscale(MultiscaleProcess(2, 1, 32, 32),
                    read_sampler(configuration->root().section("trainer"), "heun"),
                    {counting, counting}, 1, 6, generator);
  EXPECT_EQ(pixels(2, "heun"), seen);
}

TEST(MultiscaleTrainer, DrawsImagesOfTheDatasSize) {
  const MemoryDataset data = grey_images(16, 13);  // framed to 16 by 16
  Fixture fixture(data);
  auto generator = make_generator(3), again = make_generator(3);
  const at::Tensor drawn = fixture.trainer->sample({0, 5, 0, {}}, generator).x;
  EXPECT_EQ(drawn.sizes(), (std::vector<int64_t>{5, 1, 13, 13}));
  EXPECT_TRUE(drawn.equal(fixture.trainer->sample({5, 5, 0, {}}, again).x));
}

TEST(MultiscaleTrainer, RefusesWhatItCannotLearn) {
  const MemoryDataset data = grey_images(8, 8);
  EXPECT_THROW(Fixture(data, {"trainer.scales=5"}), ConfigError);
  EXPECT_THROW(Fixture(data, {R"(trainer.stages=["scale_4"])"}), ConfigError);
  const MemoryDataset points("points", at::zeros({4, 2}));
  EXPECT_THROW(Fixture{points}, ConfigError);
}

}  // namespace
}  // namespace ornstein::multiscale
