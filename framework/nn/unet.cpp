#include "framework/nn/unet.h"

#include "framework/nn/class_embedding.h"
#include "framework/nn/unet_blocks.h"
#include "framework/nn/unet_options.h"
#include "framework/nn/zero_init.h"

namespace ornstein {
namespace {

class Unet : public torch::nn::Module {
 public:
  Unet(const UnetOptions& options, const NetworkShape& shape);
  at::Tensor forward(const at::Tensor& x, const at::Tensor& t, const at::Tensor& labels);

  int64_t divisor() const { return int64_t{1} << (down_blocks_->size() - 1); }

 private:
  TimeFeatures features_;
  torch::nn::Conv2d conv_in_;
  std::shared_ptr<TimeEmbedding> time_embedding_;
  torch::nn::Embedding class_embedding_{nullptr};
  torch::nn::ModuleList down_blocks_, up_blocks_;
  std::shared_ptr<MidBlock> mid_block_;
  torch::nn::GroupNorm conv_norm_out_{nullptr};
  torch::nn::Conv2d conv_out_{nullptr};
};

// Children are registered in diffusers' order: up blocks before the middle one.
Unet::Unet(const UnetOptions& options, const NetworkShape& shape)
    : features_(options.features),
      conv_in_(register_module("conv_in", conv3x3(shape.input[0], options.channels.front()))),
      time_embedding_(register_module(
          "time_embedding",
          std::make_shared<TimeEmbedding>(features_.size(), options.block.time_channels))) {
  const std::vector<int64_t>& channels = options.channels;
  const int64_t levels = channels.size();
  if (shape.classes > 0)
    class_embedding_ = register_module(
        "class_embedding", torch::nn::Embedding(shape.classes, options.block.time_channels));

  register_module("down_blocks", down_blocks_);
  for (int64_t i = 0; i < levels; ++i)
    down_blocks_->push_back(std::make_shared<DownBlock>(
        channels[std::max<int64_t>(i - 1, 0)], channels[i], options.layers, options.down_heads[i],
        i + 1 < levels, options.downsample_padding, options.block));

  register_module("up_blocks", up_blocks_);
  for (int64_t i = levels - 1; i >= 0; --i)
    up_blocks_->push_back(std::make_shared<UpBlock>(
        channels[std::min(i + 1, levels - 1)], channels[std::max<int64_t>(i - 1, 0)], channels[i],
        options.layers + 1, options.up_heads[levels - 1 - i], i > 0, options.block));

  mid_block_ = register_module(
      "mid_block", std::make_shared<MidBlock>(channels.back(), options.mid_head, options.block));
  conv_norm_out_ = register_module("conv_norm_out", group_norm(channels.front(), options.block));
  conv_out_ = register_module(
      "conv_out", zeroed(conv3x3(channels.front(), shape.outputs), options.block.zero_init));
}

at::Tensor Unet::forward(const at::Tensor& x, const at::Tensor& t, const at::Tensor& labels) {
  TORCH_CHECK(x.dim() == 4 && x.size(2) % divisor() == 0 && x.size(3) % divisor() == 0,
              "a U-Net of ", down_blocks_->size(),
              " levels needs [B, C, H, W] with H and W multiples of ", divisor(), ", not ",
              x.sizes());
  const at::Tensor time =
      at::silu(add_class(time_embedding_->forward(features_(t)), class_embedding_, labels));

  at::Tensor h = conv_in_(x);
  std::vector<at::Tensor> skips = {h};
  for (size_t i = 0; i < down_blocks_->size(); ++i)
    h = down_blocks_->at<DownBlock>(i).forward(h, time, skips);
  h = mid_block_->forward(h, time);
  for (size_t i = 0; i < up_blocks_->size(); ++i)
    h = up_blocks_->at<UpBlock>(i).forward(h, time, skips);
  return conv_out_(at::silu(conv_norm_out_(h)));
}

}  // namespace

Network make_unet(const ConfigReader& section, const NetworkShape& shape) {
  if (shape.input.size() != 3) {
    section.fail(
        "name",
        fmt::format("is unet, which works on images (rows are [{}], not [C, H, W]) choose mlp",
                    fmt::join(shape.input, ", ")));
  }
  auto unet = std::make_shared<Unet>(read_unet_options(section), shape);
  return {unet,
          [unet](const at::Tensor& x, const at::Tensor& t, const Batch& given) {
            return unet->forward(x, t, given.labels);
          },
          unet->divisor()};
}

}  // namespace ornstein
