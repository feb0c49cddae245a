#include "trainers/first_hitting/first_hitting_trainer.h"

#include "framework/base/errors.h"
#include "tests/support/memory_dataset.h"
#include "tests/support/serial_rows.h"
#include "tests/trainers/first_hitting_support.h"
#include "tests/trainers/trainer_calls.h"
#include "trainers/first_hitting/ball.h"

namespace ornstein::first_hitting {
namespace {

struct Fixture {
  Fixture(const std::string& json, const Dataset& data)
      : configuration(Configuration::from_text(json, "test")) {
    seed_default_generators(1);
    trainer = std::make_unique<FirstHittingTrainer>(configuration->root(), data.spec());
    trainer->fit(data, serial_rows());
    const auto groups = trainer->parameters();
    for (const auto& p : groups[0].parameters) parameters.push_back(p.tensor);
  }

  // In shards of 128 rows, as in the configurations.
  void train(const Dataset& data, int64_t updates, int64_t shards, double rate) {
    torch::optim::Adam adam(parameters, torch::optim::AdamOptions(rate).betas({0.9, 0.99}));
    auto rows = make_generator(5);
    for (int64_t n = 0; n < updates; ++n) {
      Loss loss{at::zeros({}, at::kDouble), 0, {}};
      for (int64_t shard = 0; shard < shards; ++shard) {
        const at::Tensor x = data.rows(at::randint(data.spec().rows, {128}, rows, at::kLong)).x;
        const uint64_t key = random_key(Stream::kShard, {7, uint64_t(n), uint64_t(shard)});
        const Loss part = trainer->loss({x}, {n, shard, shards, make_generator(key), data});
        loss.sum = loss.sum + part.sum, loss.weight += part.weight;
      }
      adam.zero_grad();
      (loss.sum / loss.weight).backward();
      for (auto& group : adam.param_groups())
        static_cast<torch::optim::AdamOptions&>(group.options())
            .lr(rate * (1 - double(n) / double(updates)));
      adam.step();
    }
  }

  std::unique_ptr<Configuration> configuration;
  std::unique_ptr<FirstHittingTrainer> trainer;
  std::vector<at::Tensor> parameters;
};

constexpr double kKappa = 4;

// von Mises-Fisher on S^2 about the first axis.
at::Tensor von_mises_fisher(int64_t rows, uint64_t seed) {
  auto generator = make_generator(seed);
  const at::Tensor f = at::rand({rows}, generator, at::kDouble);
  const at::Tensor w = 1 + (f + (1 - f) * std::exp(-2 * kKappa)).log() / kKappa;
  const at::Tensor angle = 2 * M_PI * at::rand({rows}, generator, at::kDouble);
  const at::Tensor across = (1 - w.square()).clamp_min(0).sqrt();
  return at::stack({w, across * angle.cos(), across * angle.sin()}, 1).to(at::kFloat);
}

// log u = log sum_l (2 l + 1) A_l r^l P_l(cos), A_l the means of P_l: ratios of Bessel functions.
at::Tensor log_harmonic(const at::Tensor& z) {
  const at::Tensor first = z.select(1, 0), square = z.square().sum(1);
  double before = 1, mean = 1 / std::tanh(kKappa) - 1 / kKappa;
  at::Tensor low = at::ones_like(first), high = first, u = 1 + 3 * mean * first;  // r^l P_l
  for (int64_t l = 1; l < 30; ++l) {
    const double n = static_cast<double>(l);
    const at::Tensor next = ((2 * n + 1) * first * high - n * square * low) / (n + 1);
    low = high, high = next;
    // Upwards the recursion is stable for few terms only.
    const double after = before - (2 * n + 1) / kKappa * mean;
    if (after > mean || after < 1e-9) break;
    before = mean, mean = after;
    u = u + (2 * n + 3) * mean * high;
  }
  return u.log();
}

const char* const kSphere = R"({
  "trainer": {"resolution": 0.01, "steps": 80, "bound_draws": 32, "importance_rows": 64,
              "evaluation_samples": 256},
  "network": {"name": "mlp", "width": 64, "depth": 2}})";

TEST(FirstHitting, LearnsTheDriftOfAVonMisesFisherLaw) {
  const PointsOnSpace train("sphere", von_mises_fisher(20000, 1));
  const PointsOnSpace held_out("sphere", von_mises_fisher(1000, 2));
  Fixture fixture(kSphere, train);
  fixture.train(train, 700, 4, 4e-3);

  auto generator = make_generator(3);
  const Ball ball(3, 0.01, 0.5, false);
  const at::Tensor x = held_out.rows(at::arange(1000)).x.to(at::kDouble);
  const Bridges bridges = ball.bridges(x, quantiles(1000, generator), generator);
  const at::Tensor z = bridges.z.detach().requires_grad_();
  const at::Tensor exact = torch::autograd::grad({log_harmonic(z).sum()}, {z})[0];
  const at::NoGradGuard no_gradients;
  const at::Tensor learnt = fixture.trainer->drift(z);
  const at::Tensor weight = bridges.weight.unsqueeze(1);
  const double error = (weight * (learnt - exact).square()).sum().item<double>();
  EXPECT_LT(std::sqrt(error / (weight * exact.square()).sum().item<double>()), 0.05);

  const double log_constant = std::log(kKappa / (4 * M_PI * std::sinh(kKappa)));
  const double true_nll = -(log_constant + kKappa * mean_of(x.select(1, 0)));
  const auto figures = fixture.trainer->evaluate({held_out}, serial_rows());
  const Figure bound = figure(figures, "nll_bound");
  EXPECT_NEAR(bound.value, true_nll, 0.02);
  EXPECT_GT(figure(figures, "steps_per_sample").value, 20);
  EXPECT_GT(figure(figures, "steps_longest").value, figure(figures, "steps_per_sample").value);
  // The walk's own density is normalised: its mean over a spiral that covers the sphere evenly.
  const int64_t n = 1500;
  const at::Tensor number = at::arange(n, at::kDouble);
  const at::Tensor height = 1 - (2 * number + 1) / n, turn = number * M_PI * (3 - std::sqrt(5));
  const at::Tensor across = (1 - height.square()).sqrt();
  const at::Tensor spiral = at::stack({height, across * turn.cos(), across * turn.sin()}, 1);
  const DriftNetwork network = [&](const at::Tensor& state) {
    return fixture.trainer->drift(state) * (1 - state.norm(2, 1, true) + 0.01);
  };
  const at::Tensor density = importance_log_density(ball, network, spiral, 4, generator).exp();
  EXPECT_NEAR(4 * M_PI * mean_of(density), 1, 0.01);

  auto sampling = make_generator(4);
  const at::Tensor drawn = fixture.trainer->sample({0, 4000, 0, {}}, sampling).x;
  expect_mean(drawn.select(1, 0).to(at::kDouble), 1 / std::tanh(kKappa) - 1 / kKappa, 0.01);
}

TEST(FirstHitting, UntrainedModelIsUniform) {
  auto generator = make_generator(6);
  const at::Tensor coins = at::randint(2, {50, 6}, generator, at::kFloat);
  const PointsOnSpace binary("binary", coins), sphere("sphere", von_mises_fisher(50, 3));
  Fixture of_binary(R"({"trainer": {"cells": 8}, "network": {"name": "mlp"}})", binary);
  Fixture of_sphere(kSphere, sphere);
  const auto nll = [](Fixture& fixture, const Dataset& data, const char* name) {
    return figure(fixture.trainer->evaluate({data}, serial_rows()), name).value;
  };
  EXPECT_NEAR(nll(of_sphere, sphere, "nll_bound"), std::log(4 * M_PI), 1e-9);
  EXPECT_NEAR(nll(of_sphere, sphere, "nll_importance"), std::log(4 * M_PI), 1e-9);
  EXPECT_NEAR(nll(of_binary, binary, "nll_importance"), 6 * std::log(2.0), 1e-9);
  EXPECT_NEAR(nll(of_binary, binary, "nll_bound"), 6 * std::log(2.0), 1e-9);
  const Loss loss = shard_loss(*of_sphere.trainer, sphere.rows(at::arange(50)).x, 0, 1, sphere);
  EXPECT_NEAR(loss.sum.item<double>(), 50 * std::log(4 * M_PI), 1e-6);
}

TEST(FirstHitting, LossIsASumOverRowsThatEveryShardSharesOut) {
  const PointsOnSpace data("sphere", von_mises_fisher(1024, 1));
  Fixture fixture(kSphere, data);
  fixture.train(data, 3, 1, 1e-2);
  const auto loss = [&](int64_t shard, int64_t shards) {
    const int64_t rows = 1024 / shards;
    const at::Tensor x = data.rows(at::arange(rows) + rows * shard).x;
    return shard_loss(*fixture.trainer, x, shard, shards, data);
  };
  const Loss whole = loss(0, 1), first = loss(0, 2), second = loss(1, 2);
  EXPECT_EQ(first.weight + second.weight, whole.weight);
  EXPECT_NEAR((first.sum + second.sum).item<double>() / whole.weight,
              whole.sum.item<double>() / whole.weight, 0.1);
  EXPECT_EQ(loss(0, 2).sum.item<double>(), first.sum.item<double>());
}

TEST(FirstHitting, RefusesWhatItHasNoDomainFor) {
  const PointsOnSpace torus("torus", at::zeros({4, 2})), binary("binary", at::zeros({4, 2}));
  EXPECT_THROW(Fixture(kSphere, torus), ConfigError);
  EXPECT_THROW(Fixture(R"({"trainer": {"cells": 12}, "network": {"name": "mlp"}})", binary),
               ConfigError);
}

// Without a drift a cloud's points are independent and of the training set's moments: the bound is
// tight, and known.
TEST(FirstHitting, UntrainedCloudsAreIndependentNormalPoints) {
  auto generator = make_generator(4);
  const at::Tensor scale = at::tensor({0.5, 1.0, 3.0}), shift = at::tensor({1.0, 0.0, -2.0});
  const at::Tensor x = at::randn({64, 5, 3}, generator) * scale + shift;
  const MemoryDataset data("point_clouds", x.to(at::kFloat));
  Fixture fixture(R"({
    "trainer": {"resolution": 0.1, "steps": 5, "bound_draws": 2, "importance_rows": 8,
                "importance_paths": 2, "evaluation_samples": 2000},
    "network": {"name": "set_transformer", "width": 8, "blocks": 1, "heads": 2, "latents": 2,
                "hidden": 8}})",
                  data);
  const auto figures = fixture.trainer->evaluate({data, nullptr, 0}, serial_rows());
  const at::Tensor flat = x.to(at::kFloat).to(at::kDouble).flatten(0, 1);
  const at::Tensor std = flat.std(0, false);
  const at::Tensor standard = (flat - flat.mean(0)) / std;
  const at::Tensor nll = standard.square() / 2 + std.log() + std::log(2 * M_PI) / 2;
  const double truth = 5 * nll.sum(1).mean().item<double>();
  EXPECT_NEAR(figure(figures, "nll_bound").value, truth, 1e-6);
  const Loss loss = shard_loss(*fixture.trainer, data.rows(at::arange(64)).x, 0, 1, data);
  EXPECT_NEAR(loss.sum.item<double>(), 64 * truth, 1e-4);

  at::Generator draws = make_generator(9);
  const at::Tensor drawn =
      fixture.trainer->sample({0, 500, 0, {}}, draws).x.to(at::kDouble).flatten(0, 1);
  for (int64_t i = 0; i < 3; ++i) {
    expect_mean(drawn.select(1, i), flat.select(1, i).mean().item<double>());
    EXPECT_NEAR(drawn.select(1, i).std().item<double>() / std[i].item<double>(), 1, 0.07);
  }
}

TEST(FirstHitting, RefusesCloudsOfDifferentSizes) {
  class Ragged final : public Dataset {
   public:
    DataSpec spec() const override { return {.kind = "point_clouds", .rows = 8, .shape = {4, 2}}; }
    Batch rows(const at::Tensor& indices) const override {
      const int64_t n = indices.size(0);
      Batch batch{at::zeros({n, 4, 2})};
      batch.mask = at::arange(4).unsqueeze(0).lt(3).expand({n, 4});
      return batch;
    }
  };
  EXPECT_THROW(Fixture(R"({"trainer": {}, "network": {"name": "set_transformer", "width": 8,
    "blocks": 1, "heads": 2, "latents": 2, "hidden": 8}})",
                       Ragged()),
               DataError);
}

}  // namespace
}  // namespace ornstein::first_hitting
