// Weights must pass between this U-Net and diffusers' UNet2DModel: same names and shapes in the
// same order, same function. diffusers_unet.json holds what diffusers 0.42.1 says;
// diffusers_unet.py beside it wrote it (its first lines hold the command).
#include "framework/nn/unet.h"

#include <gtest/gtest.h>

#include "framework/nn/unet_options.h"

namespace ornstein {
namespace {

// The same numbers as `hashed` in diffusers_unet.py: scale * (hash(number, element) - 1/2).
at::Tensor hashed(uint32_t number, at::IntArrayRef shape, double scale) {
  at::Tensor values = at::empty(shape, at::kDouble);
  double* value = values.data_ptr<double>();
  for (uint32_t i = 0; i < values.numel(); ++i) {
    uint32_t x = i + number * 1000003u;
    x = (x ^ (x >> 16)) * 0x7FEB352Du;
    x = (x ^ (x >> 15)) * 0x846CA68Bu;
    x = (x ^ (x >> 16)) >> 8;
    value[i] = scale * (x / 16777216.0 - 0.5);
  }
  return values.to(at::kFloat);
}

class DiffusersUnet : public testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<Configuration> file_ = Configuration::from_file(DIFFUSERS_UNET, {});
  ConfigReader case_ = file_->root().section(GetParam());
  std::vector<int64_t> input_ = case_.integers("input", std::nullopt);
  NetworkShape shape_ = {{input_[1], input_[2], input_[3]},
                         case_.integer("outputs", std::nullopt),
                         case_.integer("classes", std::nullopt)};
  Network network_ = make_network(case_.section("network"), shape_);
};

TEST_P(DiffusersUnet, HasTheSameNamesAndShapesInTheSameOrder) {
  std::vector<std::string> ours;
  for (const NamedTensor& p : parameters_of(network_))
    ours.push_back(fmt::format("{} [{}]", p.name, fmt::join(p.tensor.sizes(), ", ")));
  EXPECT_EQ(ours, case_.texts("parameters", std::nullopt));
}

TEST_P(DiffusersUnet, ComputesTheSameFunction) {
  at::NoGradGuard no_grad;
  uint32_t number = 0;
  for (const NamedTensor& p : parameters_of(network_)) {
    const bool matrix = p.tensor.dim() > 1;
    const double fan_in = matrix ? p.tensor[0].numel() : 0;
    const bool norm = p.name.find("norm") != std::string::npos && p.name.ends_with("weight");
    p.tensor.copy_(hashed(number++, p.tensor.sizes(), matrix ? 3 / std::sqrt(fan_in) : 0.4) +
                   (norm ? 1 : 0));
  }
  network_.module->eval();
  const int64_t rows = input_[0];
  const at::Tensor t = at::arange(rows, at::kFloat) * 700 + 0.5;
  const at::Tensor y = network_.call(hashed(4000, input_, 4), t, {.labels = at::arange(rows) + 2});
  const at::Tensor theirs =
      at::tensor(case_.numbers("output", std::nullopt), at::kDouble).view_as(y);
  EXPECT_LT((y - theirs).abs().max().item<double>(), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Unet, DiffusersUnet,
                         testing::Values("peer", "tiny_attention", "tiny_plain"),
                         [](const auto& info) { return std::string(info.param); });

Network unet(const std::string& json, NetworkShape shape = {{1, 8, 8}, 1}) {
  const auto configuration = Configuration::from_text(json, "test");
  Network network = make_unet(configuration->root(), shape);
  configuration->refuse_unknown_keys();
  return network;
}

// The network all speed figures are compared on.
TEST(Unet, OfThePeerHas2734945Parameters) {
  const Network network = unet(R"({"block_out_channels": [32, 64, 128], "attention_head_dim": 64,
      "resnet_time_scale_shift": "default", "time_embedding_type": "positional"})",
                               {{1, 32, 32}, 1});
  int64_t count = 0;
  for (const NamedTensor& p : parameters_of(network)) count += p.tensor.numel();
  EXPECT_EQ(count, 2734945);
}

TEST(Unet, NeedsSizesThatHalveEvenly) {
  const Network network = unet(R"({"block_out_channels": [8, 8, 8], "down_block_types":
      ["DownBlock2D", "DownBlock2D", "DownBlock2D"], "add_attention": false})");
  EXPECT_EQ(network.divisor, 4);
  const at::Tensor t = at::zeros({2});
  EXPECT_EQ(network.call(at::zeros({2, 1, 4, 12}), t, {}).sizes(), at::IntArrayRef({2, 1, 4, 12}));
  EXPECT_THROW(network.call(at::zeros({2, 1, 6, 4}), t, {}), c10::Error);
  EXPECT_THROW(network.call(at::zeros({2, 1, 4, 6}), t, {}), c10::Error);
}

TEST(Unet, NamesTheKeyThatDoesNotFit) {
  for (const auto& [json, key] : std::vector<std::pair<std::string, std::string>>{
           {R"({"block_out_channels": [8, 12]})", "block_out_channels"},
           {R"({"block_out_channels": []})", "block_out_channels"},
           {R"({"down_block_types": ["DownBlock2D"]})", "down_block_types"},
           {R"({"block_out_channels": [8], "up_block_types": ["DownBlock2D"]})", "up_block_types"},
           {R"({"block_out_channels": [8], "attention_head_dim": 16})", "attention_head_dim"},
           {R"({"time_frequencies": [2]})", "time_frequencies"},
           {R"({"time_embedding_type": "positional", "time_pairs": 3})", "time_pairs"}}) {
    try {
      unet(json);
      ADD_FAILURE() << json << " was taken";
    } catch (const ConfigError& error) {
      EXPECT_NE(std::string(error.what()).find(key), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace ornstein
