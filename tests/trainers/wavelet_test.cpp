#include "trainers/wavelet/wavelet_trainer.h"

#include <gtest/gtest.h>

#include "framework/base/errors.h"
#include "tests/support/memory_dataset.h"
#include "tests/support/serial_rows.h"
#include "tests/trainers/trainer_calls.h"

namespace ornstein::wavelet {
namespace {

const char* const kConfig = R"({
  "trainer": {"levels": 2, "steps": 3, "nll_rows": 8, "nll_steps": 20},
  "network": {"name": "mlp", "width": 16, "depth": 1},
  "detail_network": {"name": "resnet", "channels": 8, "blocks": 1, "norm_num_groups": 2}})";

struct Fixture {
  explicit Fixture(const Dataset& data, const std::vector<std::string>& settings = {})
      : configuration(Configuration::from_text(kConfig, "test", settings)) {
    seed_default_generators(1);
    trainer = std::make_unique<WaveletTrainer>(configuration->root(), data.spec());
    trainer->fit(data, serial_rows());
  }
  std::unique_ptr<Configuration> configuration;
  std::unique_ptr<WaveletTrainer> trainer;
};

// Correlated, uncentred, of three colours with different contrasts.
at::Tensor smooth_images(int64_t rows, int64_t size) {
  auto generator = make_generator(2);
  const at::Tensor noise = at::randn({rows, 3, size, size}, generator);
  const at::Tensor contrast = at::tensor({1.0f, 3.0f, 0.2f}).view({1, 3, 1, 1});
  return noise.cumsum(2) * contrast / 4 + 0.7;
}

class WaveletPyramidOf : public testing::TestWithParam<Wavelet> {
 protected:
  const at::Tensor x = smooth_images(64, 16);
  WaveletPyramid pyramid{GetParam(), 2, 3};
  void SetUp() override { pyramid.set_moments(pyramid.band_sums(x), 0); }
};

// Row 2.5.
TEST_P(WaveletPyramidOf, TrainingBandsHaveMeanZeroAndVarianceOne) {
  for (const WaveletBands& bands : pyramid.analyse(x)) {
    for (const at::Tensor& band : {bands.low, bands.details}) {
      const Moments moments = moments_from(power_sums(band));
      EXPECT_LT(moments.mean.abs().max().item<double>(), 1e-5);
      EXPECT_LT((moments.std - 1).abs().max().item<double>(), 1e-5);
    }
  }
}

TEST_P(WaveletPyramidOf, StepsUpAgainToTheImages) {
  const auto bands = pyramid.analyse(x);
  at::Tensor low = bands.back().low;
  for (int64_t scale = 2; scale >= 1; --scale) {
    low = pyramid.synthesise(scale, {low, bands[scale - 1].details});
    const at::Tensor& expected = scale > 1 ? bands[scale - 2].low : x;
    EXPECT_LT((low - expected).abs().max().item<double>(), 1e-4);
  }
}

TEST_P(WaveletPyramidOf, LogDeterminantIsThatOfTheWholeMap) {
  WaveletPyramid grey(GetParam(), 2, 1);
  const at::Tensor images = smooth_images(64, 8).narrow(1, 0, 1).to(at::kDouble);
  grey.set_moments(grey.band_sums(images), 0);
  // The map is affine: its columns are what unit images add.
  const auto flat = [&](const at::Tensor& y) {
    const auto bands = grey.analyse(y.reshape({-1, 1, 8, 8}));
    return at::cat(
        {bands[1].low.flatten(1), bands[1].details.flatten(1), bands[0].details.flatten(1)}, 1);
  };
  const at::Tensor matrix = flat(at::eye(64, at::kDouble)) - flat(at::zeros({1, 64}, at::kDouble));
  EXPECT_NEAR(std::get<1>(at::linalg_slogdet(matrix)).item<double>(),
              grey.log_det(grey.analyse(images)).item<double>(), 1e-9);
}

INSTANTIATE_TEST_SUITE_P(Wavelets, WaveletPyramidOf, testing::Values(haar(), db4()));

TEST(WaveletTrainer, HasOneGroupAStageCoarseToFine) {
  const MemoryDataset data("images", smooth_images(8, 16));
  Fixture fixture(data);
  std::vector<std::string> names;
  for (const auto& group : fixture.trainer->parameters()) names.push_back(group.name);
  EXPECT_EQ(names, (std::vector<std::string>{"low", "detail_2", "detail_1"}));
}

// Row 7.1, at every scale and for either clock's own target.
TEST(WaveletTrainer, LossBeforeTrainingIsOneAStage) {
  const MemoryDataset data("images", smooth_images(256, 16));
  for (const char* path : {"edm", "ou"}) {
    Fixture fixture(data, {std::string("trainer.path=") + path});
    const Loss loss = shard_loss(*fixture.trainer, data.rows(at::arange(256)).x, 0, 1, data);
    ASSERT_EQ(loss.terms.size(), 3);
    double sum = 0;
    for (const Term& term : loss.terms) {
      EXPECT_NEAR(term.sum.item<double>() / term.weight, 1, 0.1) << path << " " << term.name;
      sum += term.sum.item<double>();
    }
    EXPECT_NEAR(loss.sum.item<double>(), sum, 1e-3);
  }
}

TEST(WaveletTrainer, LossOfAShardDoesNotDependOnTheOrderOfShards) {
  const MemoryDataset data("images", smooth_images(16, 16));
  Fixture fixture(data);
  const auto loss = [&](int64_t shard) {
    const at::Tensor x = data.rows(at::arange(8) + 8 * shard).x;
    return shard_loss(*fixture.trainer, x, shard, 2, data).sum.item<double>();
  };
  const double first = loss(0), second = loss(1);
  EXPECT_EQ(loss(1), second);
  EXPECT_EQ(loss(0), first);
}

TEST(WaveletTrainer, TrainsTheChosenStagesAlone) {
  const MemoryDataset data("images", smooth_images(8, 16));
  Fixture fixture(data, {R"(trainer.stages=["detail_1"])"});
  const Step step{0, 0, 1, make_generator(1), data};
  EXPECT_EQ(fixture.trainer->begin_step(step).groups, std::vector<std::string>{"detail_1"});
  shard_loss(*fixture.trainer, data.rows(at::arange(8)).x, 0, 1, data).sum.backward();
  for (const auto& group : fixture.trainer->parameters()) {
    bool gradient = false;
    for (const auto& p : group.parameters) gradient = gradient || p.tensor.grad().defined();
    EXPECT_EQ(gradient, group.name == "detail_1") << group.name;
  }
  EXPECT_THROW(Fixture(data, {R"(trainer.stages=["detail_3"])"}), ConfigError);
}

TEST(StandardDiffusion, CallsTheNetworkAsOftenAsItSays) {
  for (const char* sampler : {"heun", "euler", "ddim", "ancestral"}) {
    const auto configuration =
        Configuration::from_text("{}", "test", {std::string("trainer.sampler=") + sampler});
    const StandardDiffusion diffusion =
        read_standard_diffusion(configuration->root().section("trainer"), {"edm"});
    int64_t calls = 0;
    const auto network = [&](const at::Tensor& input, const at::Tensor&) {
      ++calls;
      return at::zeros_like(input);
    };
    auto generator = make_generator(1);
    diffusion.sample(network, {2, 3}, 7, 1, generator);
    EXPECT_EQ(calls, diffusion.sampler.evaluations(7)) << sampler;
  }
}

// Row 2.6: N (L^2/4 + L^2/16 + low) of the ancestral sampler, 2N - 1 evaluations of Heun's.
TEST(WaveletTrainer, NetworkPixelsAreThoseOfTheClosedForm) {
  const MemoryDataset data("images", smooth_images(8, 32));
  const auto pixels = [&](std::vector<std::string> settings) {
    settings.push_back("trainer.nll_rows=1");
    return figure(Fixture(data, settings).trainer->evaluate({data}, serial_rows()),
                  "network_pixels")
        .value;
  };
  EXPECT_EQ(pixels({"trainer.sampler=ancestral", "trainer.steps=10"}), 10 * (256 + 64 + 64));
  EXPECT_EQ(pixels({"trainer.steps=10"}), 19 * (256 + 64 + 64));
}

// F = 0 is the denoiser of N(0, 1) in every standardised band: samples have the bands' own
// variances, so images have the training pixels' variance, whatever the wavelet.
TEST(WaveletTrainer, UntrainedSamplesHaveTheMomentsOfTheTrainingSet) {
  const MemoryDataset data("images", smooth_images(1024, 8));
  for (const char* name : {"haar", "db4"}) {
    Fixture fixture(data, {std::string("trainer.wavelet=") + name, "trainer.steps=24"});
    auto generator = make_generator(9);
    const Moments drawn =
        moments_from(power_sums(fixture.trainer->sample({0, 1024, 0, {}}, generator).x));
    const Moments real = moments_from(power_sums(data.rows(at::arange(1024)).x));
    // 4 standard errors: the low-pass alone makes 1024 values of a channel nearly independent.
    EXPECT_LT((drawn.std / real.std - 1).abs().max().item<double>(), 0.1) << name;
    EXPECT_LT(((drawn.mean - real.mean) / real.std).abs().max().item<double>(), 0.1) << name;
  }
}

TEST(WaveletTrainer, DetailTemperatureQuietensDetailsOnly) {
  const MemoryDataset data("images", smooth_images(64, 16));
  const auto bands = [&](const char* temperature) {
    Fixture fixture(data, {std::string("trainer.detail_temperature=") + temperature});
    auto generator = make_generator(9);
    const auto drawn =
        wavelet_forward(haar(), fixture.trainer->sample({0, 16, 0, {}}, generator).x);
    return std::pair(wavelet_forward(haar(), drawn.low).low, drawn.details);
  };
  const auto [low, details] = bands("1.0");
  const auto [same_low, quiet] = bands("0.5");
  EXPECT_LT((low - same_low).abs().max().item<double>(), 1e-4);
  EXPECT_LT(quiet.std().item<double>(), 0.8 * details.std().item<double>());
}

TEST(WaveletTrainer, DrawsImagesOfTheDatasSizeWithinTheGreyLevels) {
  const MemoryDataset data = grey_images(16, 14);  // framed to 16 by 16
  Fixture fixture(data);
  auto generator = make_generator(3), again = make_generator(3);
  const at::Tensor drawn = fixture.trainer->sample({0, 5, 0, {}}, generator).x;
  EXPECT_EQ(drawn.sizes(), (std::vector<int64_t>{5, 1, 14, 14}));
  EXPECT_LE(drawn.abs().max().item<double>(), 1);
  EXPECT_TRUE(drawn.equal(fixture.trainer->sample({5, 5, 0, {}}, again).x));
}

TEST(WaveletTrainer, FramesImagesForTheDeepestNetwork) {
  const MemoryDataset data("images", smooth_images(8, 28));  // 28/4 = 7 is odd: a U-Net wants 8
  Fixture fixture(data,
                  {"trainer.nll_rows=1", R"(network={"name": "unet", "block_out_channels": [8, 8],
      "down_block_types": ["DownBlock2D", "DownBlock2D"], "add_attention": false})"});
  const auto figures = fixture.trainer->evaluate({data}, serial_rows());
  EXPECT_EQ(figure(figures, "network_pixels").value, 5 * (256 + 64 + 64));
}

// The joint density is the product of the stages' and of the Jacobian; at F = 0 each is N(0, 1) in
// standardised bands. White levels have white bands: 8 bits and 0.2546 for the Gaussian.
TEST(WaveletTrainer, UntrainedModelOfUniformLevelsPaysForTheGaussian) {
  const MemoryDataset data = grey_images(32, 8);
  Fixture fixture(data, {"trainer.nll_rows=32", "trainer.nll_steps=40"});
  const auto figures = fixture.trainer->evaluate({data}, serial_rows());
  EXPECT_NEAR(figure(figures, "nll_bits_per_dim").value, 8.2546, 0.03);
}

TEST(WaveletTrainer, RefusesWhatIsNoImage) {
  const auto configuration = Configuration::from_text(kConfig, "test");
  const DataSpec points{.kind = "points", .space = "euclidean", .rows = 4, .shape = {2}};
  EXPECT_THROW(WaveletTrainer(configuration->root(), points), ConfigError);
}

}  // namespace
}  // namespace ornstein::wavelet
