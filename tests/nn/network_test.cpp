// What holds for every network, whatever it computes.
#include "framework/nn/network.h"

#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include "framework/base/random.h"

namespace ornstein {
namespace {

struct Case {
  const char* name;
  const char* json;
  std::vector<int64_t> input;  // of one row
  int64_t outputs;             // differ from input[0] where the network allows a joined condition
  bool functions = false;      // on [0, 1], or the square
  bool set = false;            // input [P, D]
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.json; }

const Case kCases[] = {
    {"Mlp", R"({"name": "mlp", "width": 16, "depth": 2})", {3}, 2},
    {"MlpOnImages", R"({"name": "mlp", "width": 16, "depth": 2})", {2, 4, 4}, 1},
    {"Resnet",
     R"({"name": "resnet", "channels": 8, "blocks": 2, "norm_num_groups": 2})",
     {2, 5, 7},
     1},
    {"Unet",
     R"({"name": "unet", "block_out_channels": [8, 16], "norm_num_groups": 4})",
     {2, 4, 8},
     1},
    {"UnetShiftOnly",
     R"({"name": "unet", "block_out_channels": [8, 16], "norm_num_groups": 4,
      "resnet_time_scale_shift": "default"})",
     {1, 8, 4},
     3},
    {"FourierOperator",
     R"({"name": "fourier_operator", "width": 8, "layers": 2, "modes": [3]})",
     {2, 9},
     1,
     true},
    {"FourierOperatorOnThePlane",
     R"({"name": "fourier_operator", "width": 8, "layers": 2, "modes": [3, 2]})",
     {1, 9, 7},
     2,
     true},
    {"PointAttention",
     R"({"name": "point_attention", "width": 8, "blocks": 2, "heads": 2, "frequencies": [3]})",
     {2, 9},
     1,
     true},
    {"PointAttentionOnThePlane",
     R"({"name": "point_attention", "width": 8, "blocks": 2, "heads": 2, "frequencies": [3]})",
     {1, 9, 7},
     2,
     true},
    {"SetTransformer",
     R"({"name": "set_transformer", "width": 8, "blocks": 2, "heads": 2, "latents": 3})",
     {9, 3},
     2,
     false,
     true},
};

class EveryNetwork : public testing::TestWithParam<Case> {
 protected:
  static constexpr int64_t kRows = 3;

  Network make(int64_t classes) {
    const auto configuration = Configuration::from_text(GetParam().json, "test");
    seed_default_generators(7);
    NetworkShape shape = {GetParam().input, GetParam().outputs, classes};
    shape.set = GetParam().set;
    if (GetParam().functions) {
      shape.dimensions = shape.input.size() - 1;
      for (int64_t i = 0; i < shape.dimensions; ++i)
        shape.extent.insert(shape.extent.end(), {0, 1});
    }
    return make_network(configuration->root(), shape);
  }

  // One whose output layer no longer is zero.
  Network make_random(int64_t classes) {
    const Network network = make(classes);
    at::NoGradGuard no_grad;
    for (const NamedTensor& p : parameters_of(network))
      p.tensor.add_(at::randn_like(p.tensor), 0.1);
    return network;
  }

  at::Tensor x(at::ScalarType type = at::kFloat) {
    std::vector<int64_t> sizes = GetParam().input;
    sizes.insert(sizes.begin(), kRows);
    at::Generator generator = make_generator(1);
    return at::randn(sizes, generator, at::TensorOptions(type));
  }

  Batch given(const at::Tensor& labels = {}) {
    Batch batch = {.labels = labels};
    if (!GetParam().functions) return batch;
    std::vector<at::Tensor> axes;
    for (size_t i = 1; i < GetParam().input.size(); ++i)
      axes.push_back(at::linspace(0, 1, GetParam().input[i]));
    batch.coordinates = at::stack(at::meshgrid(axes, "ij"), -1);
    return batch;
  }

  at::Tensor t_ = at::tensor({-2.0f, 0.1f, 1.5f});
  at::Tensor labels_ = at::tensor({0, 3, 1}, at::kLong);
};

TEST_P(EveryNetwork, ReturnsZerosOfTheOutputShapeBeforeTraining) {
  const at::Tensor y = make(0).call(x(), t_, given());
  std::vector<int64_t> sizes = GetParam().input;
  sizes[GetParam().set ? 1 : 0] = GetParam().outputs;
  sizes.insert(sizes.begin(), kRows);
  EXPECT_EQ(y.sizes(), at::IntArrayRef(sizes));
  EXPECT_TRUE(at::equal(y, at::zeros_like(y)));
}

TEST_P(EveryNetwork, LetsNoRowSeeAnother) {
  const Network network = make_random(4);
  const at::Tensor all = network.call(x(), t_, given(labels_));
  for (int64_t i = 0; i < kRows; ++i) {
    const at::Tensor alone = network.call(x().slice(0, i, i + 1), t_.slice(0, i, i + 1),
                                          given(labels_.slice(0, i, i + 1)));
    EXPECT_TRUE(at::allclose(all.slice(0, i, i + 1), alone, 1e-5, 1e-5));
  }
}

TEST_P(EveryNetwork, DependsOnPointTimeAndClass) {
  const Network network = make_random(4);
  const at::Tensor y = network.call(x(), t_, given(labels_));
  auto differs = [&](const at::Tensor& other) {  // in every row
    return (y - other).flatten(1).abs().amax(1).min().item<double>() > 1e-4;
  };
  EXPECT_TRUE(differs(network.call(x() + 0.5, t_, given(labels_))));
  EXPECT_TRUE(differs(network.call(x(), t_ + 0.5, given(labels_))));
  EXPECT_TRUE(differs(network.call(x(), t_, given(3 - labels_))));
}

TEST_P(EveryNetwork, RefusesToGuessAMissingClass) {
  EXPECT_THROW(make(4).call(x(), t_, given()), c10::Error);
}

// Zero layers hide what lies before them: the output layer learns at the first step, the ends of
// the residual branches at the second, what stands before those and the time projections at the
// third, the time embedding at the fourth. Only a key's bias never does: softmax ignores a
// constant.
TEST_P(EveryNetwork, LearnsWithEveryParameterFromTheFourthStep) {
  const Network network = make(4);
  network.module->to(at::kDouble);
  const std::vector<NamedTensor> parameters = parameters_of(network);
  const at::Tensor inputs = x(at::kDouble), t = t_.to(at::kDouble);
  const at::Tensor target = at::randn_like(network.call(inputs, t, given(labels_)));
  for (int step = 1; step <= 4; ++step) {
    network.module->zero_grad();
    (network.call(inputs, t, given(labels_)) - target).square().mean().backward();
    at::NoGradGuard no_grad;
    for (const NamedTensor& p : parameters) p.tensor.sub_(p.tensor.grad(), 0.1);
  }
  const double zero = 1e-16;  // rounding stays below 1e-21 here, true gradients above 1e-11
  for (const NamedTensor& p : parameters) {
    const double gradient = p.tensor.grad().abs().max().item<double>();
    if (p.name.ends_with("to_k.bias")) {
      EXPECT_LT(gradient, zero) << p.name;
    } else {
      EXPECT_GT(gradient, zero) << p.name;
    }
  }
}

TEST_P(EveryNetwork, DifferentiatesWithRespectToItsInputExactly) {
  const Network network = make_random(0);
  network.module->to(at::kDouble);
  const at::Tensor t = t_.to(at::kDouble), direction = x(at::kDouble).roll(1, -1);
  auto value = [&](const at::Tensor& x) { return network.call(x, t, given()).sin().sum(); };
  at::Tensor x0 = x(at::kDouble).requires_grad_();
  value(x0).backward();
  const double exact = (x0.grad() * direction).sum().item<double>();
  at::NoGradGuard no_grad;
  const double h = 1e-4;
  const double numeric =
      ((value(x0 + h * direction) - value(x0 - h * direction)) / (2 * h)).item<double>();
  EXPECT_NEAR(exact, numeric, 1e-6 * (1 + std::abs(exact)));
}

TEST_P(EveryNetwork, RunsUnderBfloat16AutocastToItsPrecision) {
  const Network network = make_random(4);
  const at::Tensor exact = network.call(x(), t_, given(labels_));
  at::autocast::set_autocast_enabled(at::kCPU, true);
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  const at::Tensor rounded = network.call(x(), t_, given(labels_));
  rounded.sum().backward();
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_EQ(rounded.scalar_type(), at::kBFloat16);
  EXPECT_LT((rounded.to(at::kFloat) - exact).norm().item<double>(),
            0.05 * exact.norm().item<double>());
}

INSTANTIATE_TEST_SUITE_P(Networks, EveryNetwork, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Dropout, ActsInTrainingModeOnly) {
  const auto configuration = Configuration::from_text(
      R"({"name": "resnet", "channels": 8, "blocks": 1, "dropout": 0.5})", "test");
  const Network network = make_network(configuration->root(), {{1, 4, 4}, 1});
  at::NoGradGuard no_grad;
  for (const NamedTensor& p : parameters_of(network)) p.tensor.normal_();
  const at::Tensor x = at::ones({1, 1, 4, 4}), t = at::zeros({1});
  EXPECT_FALSE(at::equal(network.call(x, t, {}), network.call(x, t, {})));
  network.module->eval();
  EXPECT_TRUE(at::equal(network.call(x, t, {}), network.call(x, t, {})));
}

// Settings found by experiment count on this size: 3 layers of 128 on points in the plane.
TEST(Mlp, OfThePlaneHas54274Parameters) {
  const auto configuration = Configuration::from_text(R"({"name": "mlp"})", "test");
  int64_t count = 0;
  for (const NamedTensor& p : parameters_of(make_network(configuration->root(), {{2}, 2})))
    count += p.tensor.numel();
  EXPECT_EQ(count, (2 + 32) * 128 + 128 + 3 * (128 * 128 + 128) + 128 * 2 + 2);
}

TEST(NetworkFactory, SaysWhatExists) {
  const NetworkFactory factory = make_network_factory();
  ASSERT_EQ(factory.entries().size(), 6u);
  for (const auto& [name, entry] : factory.entries()) EXPECT_FALSE(entry.summary.empty()) << name;
  const auto configuration = Configuration::from_text(R"({"name": "unett"})", "test");
  EXPECT_THROW(make_network(configuration->root(), {{1, 8, 8}, 1}), ConfigError);
}

// Functions come on any grid: a network of pixels or of numbers would take them for another thing,
// and a network of functions finds no coordinates in images.
TEST(NetworkFactory, GivesFunctionsToNetworksOfFunctionsOnly) {
  const NetworkShape functions = {
      .input = {1, 8, 8}, .outputs = 1, .dimensions = 2, .extent = {0, 1, 0, 1}};
  const NetworkFactory factory = make_network_factory();
  for (const auto& [name, entry] : factory.entries()) {
    const auto configuration =
        Configuration::from_text(fmt::format(R"({{"name": "{}"}})", name), "test");
    const bool takes = name == "fourier_operator" || name == "point_attention";
    if (takes) {
      EXPECT_NO_THROW(make_network(configuration->root(), functions));
      EXPECT_THROW(make_network(configuration->root(), {{1, 8, 8}, 1}), ConfigError) << name;
    } else {
      EXPECT_THROW(make_network(configuration->root(), functions), ConfigError) << name;
    }
  }
}

// The points of a set have no order, and what sees none in them takes nothing else.
TEST(NetworkFactory, GivesSetsToNetworksOfSetsOnly) {
  const NetworkShape clouds = {.input = {16, 3}, .outputs = 3, .set = true};
  const NetworkFactory factory = make_network_factory();
  for (const auto& [name, entry] : factory.entries()) {
    const auto configuration =
        Configuration::from_text(fmt::format(R"({{"name": "{}"}})", name), "test");
    if (name == "set_transformer") {
      EXPECT_NO_THROW(make_network(configuration->root(), clouds));
      EXPECT_THROW(make_network(configuration->root(), {{1, 8, 8}, 1}), ConfigError);
    } else {
      EXPECT_THROW(make_network(configuration->root(), clouds), ConfigError) << name;
    }
  }
}

}  // namespace
}  // namespace ornstein
