#include <gtest/gtest.h>

#include "framework/base/errors.h"
#include "tests/support/linear_recursion.h"
#include "tests/support/memory_clouds.h"
#include "tests/support/memory_dataset.h"
#include "tests/support/serial_rows.h"
#include "tests/trainers/trainer_calls.h"
#include "trainers/point_cloud/point_cloud_trainer.h"

namespace ornstein::point_cloud {
namespace {

const char* const kJoint = R"({
  "trainer": {"model": "joint", "steps": 12},
  "network": {"name": "set_transformer", "width": 32, "blocks": 2, "heads": 2, "latents": 8,
              "hidden": 64}})";

const char* const kLatent = R"({
  "trainer": {"model": "latent", "steps": 12, "kl_weight": 0.003},
  "encoder": {"channels": [32, 64], "code": 4}, "prior": {"layers": 4, "hidden": 32},
  "denoiser": {"channels": [64, 64, 64]}})";

struct Fixture {
  Fixture(const std::string& json, const Dataset& data, std::vector<std::string> settings = {})
      : configuration(Configuration::from_text(json, "test", settings)) {
    seed_default_generators(1);
    trainer = std::make_unique<PointCloudTrainer>(configuration->root(), data.spec());
    configuration->refuse_unknown_keys();
    trainer->fit(data, serial_rows());
  }

  Loss loss(const Batch& batch, const Dataset& data) const {
    return trainer->loss(batch, {0, 0, 1, make_generator(5), data});
  }

  std::unique_ptr<Configuration> configuration;
  std::unique_ptr<PointCloudTrainer> trainer;
};

// Points on a circle about the origin, radius 0.5 of class 0 and 1.5 of class 1.
MemoryClouds circles(int64_t clouds, int64_t points, uint64_t seed) {
  auto generator = make_generator(seed);
  const at::Tensor labels = at::randint(2, {clouds}, generator, at::kLong);
  const at::Tensor angle = 2 * M_PI * at::rand({clouds, points}, generator);
  const at::Tensor radius = (0.5 + labels.to(at::kFloat)).view({clouds, 1, 1});
  return MemoryClouds(radius * at::stack({angle.cos(), angle.sin()}, 2), {}, labels, 2);
}

// Ellipsoids of 5 to 12 points, `padding` beyond them.
MemoryClouds ragged(int64_t clouds, double padding, uint64_t seed) {
  auto generator = make_generator(seed);
  const at::Tensor sizes = at::randint(5, 13, {clouds, 1}, generator, at::kLong);
  const at::Tensor mask = at::arange(12).unsqueeze(0) < sizes;
  const at::Tensor axes = at::tensor({3.0f, 1.0f, 0.5f});
  const at::Tensor x = at::randn({clouds, 12, 3}, generator) * axes + 7;
  return MemoryClouds(at::where(mask.unsqueeze(2), x, padding).to(at::kFloat), mask);
}

// What starts at zero drawn like the rest.
void randomise(const std::vector<NamedTensor>& parameters, double deviation) {
  const at::NoGradGuard no_gradients;
  auto generator = make_generator(4);
  for (const auto& p : parameters)
    p.tensor.add_(at::randn(p.tensor.sizes(), generator, p.tensor.options()), deviation);
}

class BothModels : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Model, BothModels, testing::Values(kJoint, kLatent), [](const auto& info) {
  return std::string(info.param == kJoint ? "Joint" : "Latent");
});

TEST_P(BothModels, StandardisesByTheTruePointsWithOneScale) {
  const MemoryClouds data = ragged(300, 100, 1);
  Fixture fixture(GetParam(), data);
  const at::Tensor points = data.all().x.index({data.all().mask}).to(at::kDouble);
  const auto state = fixture.trainer->state();
  EXPECT_LT((state[0].tensor - points.mean(0)).abs().max().item<double>(), 1e-9);
  const double variance = points.var(0, /*unbiased=*/false).mean().item<double>();
  EXPECT_NEAR(state[1].tensor.item<double>(), std::sqrt(variance), 1e-9);
}

TEST_P(BothModels, IgnoreMaskedPoints) {
  const MemoryClouds data = ragged(16, 0, 2), other = ragged(16, 50, 2);
  Fixture fixture(GetParam(), data);
  for (const auto& group : fixture.trainer->parameters()) randomise(group.parameters, 0.1);
  const Loss loss = fixture.loss(data.all(), data), same = fixture.loss(other.all(), data);
  EXPECT_EQ(loss.sum.item<double>(), same.sum.item<double>());
  Batch seen = other.all();
  seen.mask = at::Tensor();
  EXPECT_NE(loss.sum.item<double>(), fixture.loss(seen, data).sum.item<double>());
}

// The output is zero at the start: the loss is that of the target, whose second moment is 1.
TEST_P(BothModels, DenoisingLossBeforeTrainingIsOnePerDimension) {
  const MemoryClouds data = ragged(2000, 0, 3);
  Fixture fixture(GetParam(), data);
  const Loss loss = fixture.loss(data.all(), data);
  const double sum =
      loss.terms.empty() ? loss.sum.item<double>() : loss.terms[0].sum.item<double>();
  EXPECT_EQ(loss.weight, 2000);
  // A cloud's mean over 15 numbers or more deviates by about 0.4: 4 standard errors of 2000.
  EXPECT_NEAR(sum / loss.weight, 1, 4 * 0.4 / std::sqrt(2000.0));
}

TEST_P(BothModels, LearnAFamilyOfTwoCircles) {
  const MemoryClouds train = circles(2000, 24, 4);
  Fixture fixture(GetParam(), train);
  std::vector<at::Tensor> parameters;
  for (const auto& group : fixture.trainer->parameters())
    for (const auto& p : group.parameters) parameters.push_back(p.tensor);
  torch::optim::Adam adam(parameters, torch::optim::AdamOptions(6e-3).betas({0.9, 0.99}));
  auto rows = make_generator(5);
  const int64_t updates = 350;
  for (int64_t n = 0; n < updates; ++n) {
    const Loss loss = fixture.trainer->loss(
        train.rows(at::randint(2000, {16}, rows, at::kLong)),
        {n, 0, 1, make_generator(random_key(Stream::kShard, {7, uint64_t(n)})), train});
    adam.zero_grad();
    (loss.sum / loss.weight).backward();
    for (auto& group : adam.param_groups())
      static_cast<torch::optim::AdamOptions&>(group.options()).lr(6e-3 * (1 - double(n) / updates));
    adam.step();
  }
  auto generator = make_generator(6);
  const Batch drawn = fixture.trainer->sample({0, 60, 0, {}}, generator);
  EXPECT_TRUE(drawn.labels.equal(at::arange(60).remainder(2)));
  const at::Tensor radius = drawn.x.norm(2, 2);  // [60, 24]
  for (const int64_t label : {0, 1}) {
    const at::Tensor own = radius.slice(0, label, 60, 2);
    EXPECT_NEAR(own.mean().item<double>(), 0.5 + double(label), 0.1);
    EXPECT_LT((own - (0.5 + double(label))).abs().mean().item<double>(), 0.15);
  }
  // The whole circle: angles have no preferred direction. 4 standard errors of 30 x 24 points.
  EXPECT_LT((drawn.x.slice(0, 1, 60, 2) / 1.5).mean({0, 1}).abs().max().item<double>(),
            0.05 + 4 / std::sqrt(2 * 720.0));
}

TEST_P(BothModels, ReportTheFiguresOfClouds) {
  const MemoryClouds data = circles(12, 20, 7), train = circles(30, 20, 8);
  Fixture fixture(GetParam(), train, {"trainer.evaluation_points=16", "trainer.steps=3"});
  const auto figures = fixture.trainer->evaluate({data, &train, 10}, serial_rows());
  for (const char* metric : {"cd", "emd"}) {
    EXPECT_GT(figure(figures, std::string("mmd_") + metric).value, 0);
    const double accuracy = figure(figures, std::string("1nna_") + metric).value;
    EXPECT_GT(accuracy, 0.7) << "an untrained model's clouds are told from circles";
    EXPECT_LE(figure(figures, std::string("cov_") + metric).value, 1);
  }
  EXPECT_LT(figure(figures, "mmd_cd_of_train").value, figure(figures, "mmd_cd").value);
  EXPECT_LT(figure(figures, "jsd_of_train").value, figure(figures, "jsd").value);
  EXPECT_LT(figure(figures, "nearest_train_cd_of_held_out").value,
            figure(figures, "nearest_train_cd").value);
  EXPECT_EQ(figure(figures, "nearest_class_of_held_out").value, 1) << "circles of unlike radius";
  EXPECT_LT(figure(figures, "nearest_class").value, 1);
  EXPECT_GT(figure(figures, "denoising_loss").value, 0);
  if (GetParam() == kLatent) {
    EXPECT_GT(figure(figures, "reconstruction_emd").value, 0);
    EXPECT_GT(figure(figures, "kl").value, 0);
  }
  // A figure is a function of parameters and data.
  const auto again = fixture.trainer->evaluate({data, &train, 10}, serial_rows());
  for (size_t i = 0; i < figures.size(); ++i) EXPECT_EQ(figures[i].value, again[i].value);
}

// Means of sizes, and of their squares, within 4 standard errors.
TEST_P(BothModels, DrawAsManyPointsAsTrainingCloudsHave) {
  const MemoryClouds data = ragged(50, 0, 9);
  Fixture fixture(GetParam(), data);
  auto generator = make_generator(1);
  const Batch drawn = fixture.trainer->sample({0, 400, 1, {}}, generator);
  EXPECT_EQ(drawn.x.sizes(), (std::vector<int64_t>{400, 12, 3}));
  const at::Tensor size = drawn.mask.sum(1).to(at::kDouble);
  const at::Tensor own = data.all().mask.sum(1).to(at::kDouble);
  for (const double power : {1.0, 2.0}) {
    const double error = own.pow(power).std().item<double>() / std::sqrt(400.0);
    EXPECT_NEAR(size.pow(power).mean().item<double>(), own.pow(power).mean().item<double>(),
                4 * error);
  }
  EXPECT_EQ(drawn.x.index({drawn.mask.logical_not()}).abs().max().item<double>(), 0);
  EXPECT_GT(drawn.x.index({drawn.mask}).abs().min().item<double>(), 0);
  EXPECT_FALSE(drawn.labels.defined());
  EXPECT_EQ(fixture.trainer->conditioning(), Conditioning::nothing);
}

TEST_P(BothModels, DrawNoMaskWhereCloudsHaveOneSize) {
  const MemoryClouds data = circles(12, 20, 7);
  Fixture fixture(GetParam(), data);
  auto generator = make_generator(1);
  EXPECT_FALSE(fixture.trainer->sample({0, 3, 1, {}}, generator).mask.defined());
}

// Points that see each other are drawn as many as were trained together.
TEST_P(BothModels, DrawAsManyPointsAsWereTrainedWhereTheySeeEachOther) {
  const int64_t points = GetParam() == kJoint ? 7 : 12;
  const MemoryClouds data = ragged(20, 0, 9);
  Fixture fixture(GetParam(), data, {"trainer.train_points=7"});
  auto generator = make_generator(1);
  const Batch drawn = fixture.trainer->sample({0, 30, 1, {}}, generator);
  EXPECT_EQ(drawn.x.size(1), points);
  const at::Tensor size = drawn.mask.sum(1);
  EXPECT_EQ(size.max().item<int64_t>(), points);
  EXPECT_LT(size.min().item<int64_t>(), 7);
}

TEST_P(BothModels, CompareRaggedClouds) {
  const MemoryClouds data = ragged(6, 0, 2), other = ragged(6, 50, 2);
  Fixture fixture(GetParam(), data, {"trainer.evaluation_points=10", "trainer.steps=2"});
  const auto figures = fixture.trainer->evaluate({data}, serial_rows());
  const auto same = fixture.trainer->evaluate({other}, serial_rows());
  for (size_t i = 0; i < figures.size(); ++i) {
    EXPECT_TRUE(std::isfinite(figures[i].value)) << figures[i].name;
    EXPECT_EQ(figures[i].value, same[i].value) << figures[i].name << " sees masked points";
  }
}

TEST(PointCloud, RefusesWhatItCannotLearn) {
  const auto refuse = [](const Dataset& data, std::vector<std::string> settings,
                         const std::string& says) {
    try {
      Fixture fixture(kJoint, data, settings);
      ADD_FAILURE() << "not refused: " << says;
    } catch (const ConfigError& error) {
      EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
    }
  };
  const MemoryClouds clouds = ragged(4, 0, 1);
  refuse(MemoryDataset("points", at::zeros({4, 3})), {}, "point_cloud cannot learn points");
  refuse(clouds, {"trainer.class_conditional=true"}, "trainer.class_conditional");
  refuse(clouds, {"network.name=mlp"}, "choose set_transformer");
}

// P3: the code is the same for any order of the points, and for padding of any length.
TEST(ShapeEncoder, IsInvariantUnderPermutationsAndPadding) {
  auto generator = make_generator(1);
  seed_default_generators(2);
  ShapeEncoder encoder(3, {16, 32}, 5);
  const at::Tensor x = at::randn({2, 20, 3}, generator);
  const ShapePosterior q = encoder.forward(x, {});
  const at::Tensor order = at::randperm(20, generator, at::kLong);
  const at::Tensor padded = at::cat({x.index_select(1, order), at::full({2, 4, 3}, 9.0f)}, 1);
  const at::Tensor mask = (at::arange(24) < 20).expand({2, 24});
  const ShapePosterior same = encoder.forward(padded, mask);
  EXPECT_LT((q.mean - same.mean).abs().max().item<double>(), 1e-6);
  EXPECT_LT((q.log_variance - same.log_variance).abs().max().item<double>(), 1e-6);
  EXPECT_GT((q.mean - encoder.forward(padded, {}).mean).abs().max().item<double>(), 1e-3);
}

// P3: given the code, a point's output depends on that point alone.
TEST(PointDenoiser, TreatsEveryPointAlikeAndAlone) {
  auto generator = make_generator(1);
  seed_default_generators(2);
  const PointFeatures seen{geometric_features(2, 1, 4)};
  PointDenoiser denoiser(3, {16, 16}, 5, seen, geometric_features(4, 0.25, 4));
  denoiser.to(at::kDouble);
  std::vector<NamedTensor> parameters;
  for (const auto& p : denoiser.named_parameters()) parameters.push_back({p.key(), p.value()});
  randomise(parameters, 0.2);
  const at::Tensor x = at::randn({2, 9, 3}, generator, at::kDouble);
  const at::Tensor z = at::randn({2, 5}, generator, at::kDouble);
  const at::Tensor t = at::tensor({-1.0, 0.5}, at::kDouble), y = denoiser.forward(x, t, z);
  const at::Tensor alone = denoiser.forward(x.slice(1, 4, 5), t, z);
  EXPECT_LT((y.slice(1, 4, 5) - alone).abs().max().item<double>(), 1e-12);
  EXPECT_GT((y - denoiser.forward(x, t, z + 1)).abs().max().item<double>(), 1e-3);
  EXPECT_GT((y - denoiser.forward(x, t + 1, z)).abs().max().item<double>(), 1e-3);
}

struct Prior : testing::Test {
  Prior() {
    seed_default_generators(2);
    prior = std::make_shared<ShapePrior>(5, 4, 8, 3);
    prior->to(at::kDouble);
    std::vector<NamedTensor> parameters;
    for (const auto& p : prior->named_parameters()) parameters.push_back({p.key(), p.value()});
    randomise(parameters, 0.3);
  }
  std::shared_ptr<ShapePrior> prior;
  at::Generator generator = make_generator(3);
  const at::Tensor labels = at::tensor({0, 2, 1}, at::kLong);
};

// log p(z) = log N(w; 0, I) - log|det dz/dw| with the Jacobian of the inverse by autograd.
TEST_F(Prior, DensityIsTheChangeOfVariables) {
  const at::Tensor w = at::randn({3, 5}, generator, at::kDouble).requires_grad_();
  const at::Tensor z = prior->from_normal(w, labels);
  std::vector<at::Tensor> rows_of_jacobian;
  for (int64_t i = 0; i < 5; ++i)
    rows_of_jacobian.push_back(
        torch::autograd::grad({z.select(1, i).sum()}, {w}, {}, /*retain_graph=*/true)[0]);
  const at::Tensor jacobian = at::stack(rows_of_jacobian, 1);  // [3, 5, 5]
  const at::Tensor log_det = std::get<1>(at::linalg_slogdet(jacobian));
  const at::Tensor normal = -w.square().sum(1) / 2 - 2.5 * std::log(2 * M_PI);
  EXPECT_GT(log_det.abs().max().item<double>(), 0.01);
  EXPECT_LT((prior->log_density(z, labels) - (normal - log_det)).abs().max().item<double>(), 1e-10);
}

TEST_F(Prior, OfAnotherClassIsAnotherDensity) {
  const at::Tensor z = at::randn({3, 5}, generator, at::kDouble);
  const at::Tensor difference =
      prior->log_density(z, labels) - prior->log_density(z, (labels + 1).remainder(3));
  EXPECT_GT(difference.abs().min().item<double>(), 1e-3);
}

// With the identity for a flow the prior is N(0, I), and KL(q | p) has a closed form.
TEST(ShapeModel, DivergenceIsTheKullbackLeiblerOfTwoGaussians) {
  const auto configuration = Configuration::from_text(kLatent, "test");
  const ShapeModel model = read_shape_model(configuration->root(), 3, 0);
  auto generator = make_generator(1);
  const int64_t draws = 20000;
  const at::Tensor mean = at::tensor({0.5f, -1.0f, 0.0f, 2.0f}).expand({draws, 4});
  const at::Tensor log_variance = at::tensor({0.0f, -2.0f, 1.0f, -0.5f}).expand({draws, 4});
  const ShapePosterior q{mean, log_variance};
  const at::NoGradGuard no_gradients;
  const at::Tensor estimates = model.divergence(q, q.draw(generator), {});
  const double exact =
      ((mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2)[0].item<double>();
  EXPECT_NEAR(estimates.mean().item<double>(), exact,
              4 * estimates.std().item<double>() / std::sqrt(double(draws)));
}

// P4: points of a cloud are N(mu_z, S), S diagonal; the optimal denoiser is linear, and DDPM's
// chain with it ends in the mean and variance of its recursion.
TEST(PointDiffusion, OfGaussianPointsEndsWhereTheChainsRecursionDoes) {
  const auto configuration = Configuration::from_text(
      R"({"path": "vp", "sampler": "ancestral", "variance": "small", "steps": 12})", "test");
  const StandardDiffusion diffusion = read_standard_diffusion(configuration->root(), {"vp"});
  const int64_t clouds = 3, points = 20000, steps = 12;
  const at::Tensor mu = at::tensor({-1.0f, 0.0f, 2.0f}).view({clouds, 1, 1});
  const at::Tensor lambda = at::tensor({0.05, 0.5, 1.5}, at::kDouble);
  const DiffusionNetwork noise_of = [&](const at::Tensor& input, const at::Tensor& log_sigma) {
    const at::Tensor sigma = log_sigma.exp().view({-1, 1, 1}), square = sigma.square();
    const at::Tensor y = input * (1 + square).sqrt(), l = lambda.to(at::kFloat);
    return (y - (mu + l / (l + square) * (y - mu))) / sigma;
  };
  auto generator = make_generator(2);
  const at::Tensor x = diffusion.sample(noise_of, {clouds, points, 3}, steps, 1, generator);
  const at::Tensor sigmas = diffusion.sampling_sigmas(steps);
  std::vector<double> alpha_bar;
  for (int64_t i = steps; i >= 0; --i)
    alpha_bar.push_back(1 / (1 + std::pow(sigmas[i].item<double>(), 2)));
  const AffineLaw law = reverse_ancestral(lambda, alpha_bar, /*large=*/false);
  const at::Tensor mean_error =
      x.mean(1).to(at::kDouble) - law.gain * mu.to(at::kDouble).flatten(1);
  const at::Tensor variance = x.to(at::kDouble).var(1);
  EXPECT_LT((mean_error / (law.variance / points).sqrt()).abs().max().item<double>(), 4);
  EXPECT_LT(((variance / law.variance - 1) / std::sqrt(2.0 / points)).abs().max().item<double>(),
            4);
  EXPECT_GT((law.variance - lambda).abs().max().item<double>(), 0.005) << "steps are seen";
}

// Point i of cloud b is 100 b + i.
Batch numbered(bool masked) {
  const at::Tensor x = (100 * at::arange(2).view({2, 1, 1}) + at::arange(8).view({1, 8, 1}));
  Batch clouds{x.to(at::kFloat)};
  if (masked) clouds.mask = at::arange(8) < at::tensor({8, 3}).unsqueeze(1);
  return clouds;
}

std::vector<int64_t> numbers(const at::Tensor& cloud) {  // sorted
  const at::Tensor sorted = std::get<0>(cloud.flatten().to(at::kLong).sort());
  return {sorted.data_ptr<int64_t>(), sorted.data_ptr<int64_t>() + sorted.numel()};
}

TEST(Clouds, SomePointsAreDifferentOnesOfTheCloudsOwn) {
  auto generator = make_generator(1);
  for (const bool masked : {false, true}) {
    const Batch chosen = some_points(numbered(masked), 5, generator);
    for (int64_t b = 0; b < 2; ++b) {
      at::Tensor own = chosen.x[b];
      if (masked) own = own.index({chosen.mask[b]});
      const auto found = numbers(own);
      EXPECT_EQ(found.size(), masked && b == 1 ? 3u : 5u);
      EXPECT_EQ(std::set<int64_t>(found.begin(), found.end()).size(), found.size());
      EXPECT_GE(found.front(), 100 * b);
      EXPECT_LE(found.back(), 100 * b + (masked && b == 1 ? 2 : 7));
    }
  }
  EXPECT_TRUE(some_points(numbered(false), 8, generator).x.equal(numbered(false).x));
}

TEST(Clouds, SizesAreDrawnByTheLawOfTheirClass) {
  // Of class 0 sizes 2 and 4, one in four times; of class 1 always 3; of class 2 none is known.
  const at::Tensor size = at::tensor({2, 4, 4, 4, 3}), label = at::tensor({0, 0, 0, 0, 1});
  Batch clouds{.x = at::zeros({5, 4, 3}), .labels = label};
  clouds.mask = at::arange(4) < size.unsqueeze(1);
  const CloudSizes sizes{count_sizes(clouds, 3)};
  EXPECT_TRUE(sizes.ragged());
  auto generator = make_generator(1);
  const at::Tensor labels = at::arange(3000).remainder(3);
  const at::Tensor drawn = sizes.draw(3000, labels, generator).sum(1);
  EXPECT_EQ((drawn.slice(0, 1, 3000, 3) == 3).sum().item<int64_t>(), 1000);
  const at::Tensor first = drawn.slice(0, 0, 3000, 3), unknown = drawn.slice(0, 2, 3000, 3);
  EXPECT_NEAR((first == 2).sum().item<double>(), 250, 4 * std::sqrt(1000 * 0.25 * 0.75));
  EXPECT_EQ((first == 2).logical_or(first == 4).sum().item<int64_t>(), 1000);
  EXPECT_NEAR((unknown == 3).sum().item<double>(), 200, 4 * std::sqrt(1000 * 0.2 * 0.8));
  clouds.mask = at::Tensor();
  EXPECT_FALSE(CloudSizes{count_sizes(clouds, 3)}.ragged());
}

TEST(Clouds, ExactlyPointsRepeatEvenlyWhereThereAreFewer) {
  auto generator = make_generator(1);
  const at::Tensor x = exactly_points(numbered(true), 7, generator);
  std::map<int64_t, int> times;
  for (const int64_t number : numbers(x[1])) ++times[number];
  ASSERT_EQ(times.size(), 3u);
  for (const auto& [number, count] : times) EXPECT_TRUE(count == 2 || count == 3) << number;
  const auto first = numbers(x[0]);
  EXPECT_EQ(std::set<int64_t>(first.begin(), first.end()).size(), 7u);
}

}  // namespace
}  // namespace ornstein::point_cloud
