#include "framework/nn/set_transformer.h"

#include <gtest/gtest.h>

#include "framework/base/errors.h"
#include "framework/base/random.h"
#include "framework/config/config_reader.h"

namespace ornstein {
namespace {

// Float64, with what starts at zero drawn like the rest.
Network random_network(int64_t voxels) {
  const auto configuration = Configuration::from_text(
      R"({"name": "set_transformer", "width": 16, "blocks": 2, "heads": 2, "latents": 4})", "test",
      {fmt::format("voxels={}", voxels)});
  seed_default_generators(3);
  const NetworkShape shape{.input = {20, 3}, .outputs = 3, .set = true};
  const Network network = make_network(configuration->root(), shape);
  network.module->to(at::kDouble);
  const at::NoGradGuard no_grad;
  for (const NamedTensor& p : parameters_of(network)) p.tensor.add_(at::randn_like(p.tensor), 0.2);
  return network;
}

struct SetTransformer : testing::TestWithParam<int64_t> {  // a side of the voxels' grid, or 0
  const Network network = random_network(GetParam());
  at::Generator generator = make_generator(1);
  const at::Tensor x = at::randn({2, 20, 3}, generator, at::kDouble);
  const at::Tensor t = at::tensor({-1.0, 0.5}, at::kDouble);
  const at::NoGradGuard no_gradients;

  static void expect_close(const at::Tensor& a, const at::Tensor& b) {
    EXPECT_LT((a - b).abs().max().item<double>(), 1e-12 * (1 + b.abs().max().item<double>()));
  }
};

TEST_P(SetTransformer, PermutesItsOutputWithItsPoints) {
  const at::Tensor order = at::randperm(20, generator, at::kLong);
  expect_close(network.call(x.index_select(1, order), t, {}),
               network.call(x, t, {}).index_select(1, order));
}

TEST_P(SetTransformer, TakesAnyNumberOfPointsAndIgnoresMaskedOnes) {
  const at::Tensor alone = network.call(x, t, {});
  const at::Tensor mask = at::cat({at::ones({2, 20}), at::zeros({2, 7})}, 1).to(at::kBool);
  for (const double padding : {0.0, 5.0}) {
    const at::Tensor padded = at::cat({x, at::full({2, 7, 3}, padding, at::kDouble)}, 1);
    expect_close(network.call(padded, t, {.mask = mask}).slice(1, 0, 20), alone);
  }
  const at::Tensor seen = at::cat({x, at::full({2, 7, 3}, 5.0, at::kDouble)}, 1);
  EXPECT_GT((network.call(seen, t, {}).slice(1, 0, 20) - alone).abs().max().item<double>(), 1e-3);
}

TEST_P(SetTransformer, LetsEveryPointSeeEveryOther) {
  at::Tensor moved = x.clone();
  moved.select(1, 7).add_(0.5);
  const at::Tensor change = (network.call(moved, t, {}) - network.call(x, t, {})).abs().amax(2);
  EXPECT_GT(change.min().item<double>(), 1e-8);
}

// Attention weights are shares: a set in which every point occurs twice is the same set.
TEST_P(SetTransformer, SeesTheLawOfPointsNotTheirNumber) {
  expect_close(network.call(at::cat({x, x}, 1), t, {}).slice(1, 0, 20), network.call(x, t, {}));
}

INSTANTIATE_TEST_SUITE_P(Voxels, SetTransformer, testing::Values(0, 5),
                         [](const auto& info) { return info.param > 0 ? "With" : "Without"; });

TEST(SetTransformerVoxels, AreForPointsInSpaceOnly) {
  const auto configuration =
      Configuration::from_text(R"({"name": "set_transformer"})", "test", {"voxels=8"});
  const NetworkShape plane{.input = {20, 2}, .outputs = 2, .set = true};
  EXPECT_THROW(make_network(configuration->root(), plane), ConfigError);
}

}  // namespace
}  // namespace ornstein
