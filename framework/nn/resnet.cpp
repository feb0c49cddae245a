#include "framework/nn/resnet.h"

#include "framework/nn/class_embedding.h"
#include "framework/nn/residual_block.h"
#include "framework/nn/time_embedding.h"
#include "framework/nn/zero_init.h"

namespace ornstein {
namespace {

class Resnet : public torch::nn::Module {
 public:
  Resnet(int64_t channels, int64_t blocks, const TimeFeatures& features,
         const BlockOptions& options, const NetworkShape& shape)
      : features_(features),
        conv_in_(register_module("conv_in", conv3x3(shape.input[0], channels))),
        time_embedding_(register_module(
            "time_embedding",
            std::make_shared<TimeEmbedding>(features.size(), options.time_channels))) {
    if (shape.classes > 0)
      class_embedding_ = register_module(
          "class_embedding", torch::nn::Embedding(shape.classes, options.time_channels));
    register_module("blocks", blocks_);
    for (int64_t i = 0; i < blocks; ++i)
      blocks_->push_back(std::make_shared<ResidualBlock>(channels, channels, options));
    norm_out_ = register_module("norm_out", group_norm(channels, options));
    conv_out_ = register_module("conv_out", zeroed(conv3x3(channels, shape.outputs)));
  }

  at::Tensor forward(const at::Tensor& x, const at::Tensor& t, const at::Tensor& labels) {
    const at::Tensor time =
        at::silu(add_class(time_embedding_->forward(features_(t)), class_embedding_, labels));
    at::Tensor h = conv_in_(x);
    for (size_t i = 0; i < blocks_->size(); ++i) h = blocks_->at<ResidualBlock>(i).forward(h, time);
    return conv_out_(at::silu(norm_out_(h)));
  }

 private:
  TimeFeatures features_;
  torch::nn::Conv2d conv_in_;
  std::shared_ptr<TimeEmbedding> time_embedding_;
  torch::nn::Embedding class_embedding_{nullptr};
  torch::nn::ModuleList blocks_;
  torch::nn::GroupNorm norm_out_{nullptr};
  torch::nn::Conv2d conv_out_{nullptr};
};

}  // namespace

Network make_resnet(const ConfigReader& section, const NetworkShape& shape) {
  if (shape.input.size() != 3) {
    section.fail(
        "name",
        fmt::format("is resnet, which works on images (rows are [{}], not [C, H, W]) choose mlp",
                    fmt::join(shape.input, ", ")));
  }
  const int64_t channels = section.integer("channels", 48, 1);
  const int64_t blocks = section.integer("blocks", 4, 1);
  BlockOptions options;
  options.time_channels = section.integer("time_channels", 128, 1);
  options.groups = section.integer("norm_num_groups", 8, 1);
  options.dropout = section.number("dropout", 0, 0, 1);
  if (channels % options.groups != 0)
    section.fail("channels", fmt::format("{} is no multiple of norm_num_groups = {}", channels,
                                         options.groups));
  const TimeFeatures features = read_geometric_features(section, 32, 0.5, 15);
  auto resnet = std::make_shared<Resnet>(channels, blocks, features, options, shape);
  return {resnet, [resnet](const at::Tensor& x, const at::Tensor& t, const Batch& given) {
            return resnet->forward(x, t, given.labels);
          }};
}

}  // namespace ornstein
