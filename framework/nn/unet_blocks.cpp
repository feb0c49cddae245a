#include "framework/nn/unet_blocks.h"

#include "framework/nn/attention.h"

namespace ornstein {
namespace {

class Downsample : public torch::nn::Module {
 public:
  Downsample(int64_t channels, int64_t padding)
      : padding_(padding),
        conv_(register_module(
            "conv",
            torch::nn::Conv2d(
                torch::nn::Conv2dOptions(channels, channels, 3).stride(2).padding(padding)))) {}

  at::Tensor forward(const at::Tensor& x) {
    return conv_(padding_ == 0 ? at::constant_pad_nd(x, {0, 1, 0, 1}) : x);
  }

 private:
  int64_t padding_;
  torch::nn::Conv2d conv_;
};

class Upsample : public torch::nn::Module {
 public:
  explicit Upsample(int64_t channels)
      : conv_(register_module("conv", conv3x3(channels, channels))) {}

  at::Tensor forward(const at::Tensor& x) {
    return conv_(at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}));
  }

 private:
  torch::nn::Conv2d conv_;
};

at::Tensor layer(torch::nn::ModuleList& resnets, torch::nn::ModuleList& attentions, size_t i,
                 const at::Tensor& x, const at::Tensor& time) {
  at::Tensor h = resnets->at<ResidualBlock>(i).forward(x, time);
  return i < attentions->size() ? attentions->at<SelfAttention>(i).forward(h) : h;
}

}  // namespace

// Empty lists have no parameters, so registering them does not show in the names. Attentions come
// first because diffusers registers them first.
DownBlock::DownBlock(int64_t in, int64_t out, int64_t layers, int64_t head_dim, bool downsample,
                     int64_t padding, const BlockOptions& options) {
  register_module("attentions", attentions_);
  register_module("resnets", resnets_);
  register_module("downsamplers", downsamplers_);
  for (int64_t i = 0; i < layers; ++i) {
    resnets_->push_back(std::make_shared<ResidualBlock>(i == 0 ? in : out, out, options));
    if (head_dim > 0)
      attentions_->push_back(std::make_shared<SelfAttention>(out, head_dim, true, options));
  }
  if (downsample) downsamplers_->push_back(std::make_shared<Downsample>(out, padding));
}

at::Tensor DownBlock::forward(at::Tensor x, const at::Tensor& time,
                              std::vector<at::Tensor>& skips) {
  for (size_t i = 0; i < resnets_->size(); ++i) {
    x = layer(resnets_, attentions_, i, x, time);
    skips.push_back(x);
  }
  if (!downsamplers_->is_empty()) {
    x = downsamplers_->at<Downsample>(0).forward(x);
    skips.push_back(x);
  }
  return x;
}

MidBlock::MidBlock(int64_t channels, int64_t head_dim, const BlockOptions& options) {
  register_module("attentions", attentions_);
  register_module("resnets", resnets_);
  // diffusers leaves this one attention without group_norm when time scales as well as shifts.
  if (head_dim > 0)
    attentions_->push_back(
        std::make_shared<SelfAttention>(channels, head_dim, !options.scale_shift, options));
  for (int64_t i = 0; i < 2; ++i)
    resnets_->push_back(std::make_shared<ResidualBlock>(channels, channels, options));
}

at::Tensor MidBlock::forward(at::Tensor x, const at::Tensor& time) {
  for (size_t i = 0; i < resnets_->size(); ++i) x = layer(resnets_, attentions_, i, x, time);
  return x;
}

UpBlock::UpBlock(int64_t in, int64_t last_skip, int64_t out, int64_t layers, int64_t head_dim,
                 bool upsample, const BlockOptions& options) {
  register_module("attentions", attentions_);
  register_module("resnets", resnets_);
  register_module("upsamplers", upsamplers_);
  for (int64_t i = 0; i < layers; ++i) {
    const int64_t skip = i + 1 == layers ? last_skip : out;
    resnets_->push_back(std::make_shared<ResidualBlock>((i == 0 ? in : out) + skip, out, options));
    if (head_dim > 0)
      attentions_->push_back(std::make_shared<SelfAttention>(out, head_dim, true, options));
  }
  if (upsample) upsamplers_->push_back(std::make_shared<Upsample>(out));
}

at::Tensor UpBlock::forward(at::Tensor x, const at::Tensor& time, std::vector<at::Tensor>& skips) {
  for (size_t i = 0; i < resnets_->size(); ++i) {
    x = layer(resnets_, attentions_, i, at::cat({x, skips.back()}, 1), time);
    skips.pop_back();
  }
  return upsamplers_->is_empty() ? x : upsamplers_->at<Upsample>(0).forward(x);
}

}  // namespace ornstein
