#include "framework/nn/residual_block.h"

#include "framework/nn/zero_init.h"

namespace ornstein {
torch::nn::GroupNorm group_norm(int64_t channels, const BlockOptions& options) {
  return torch::nn::GroupNorm(
      torch::nn::GroupNormOptions(options.groups, channels).eps(options.eps));
}

torch::nn::Conv2d conv3x3(int64_t in, int64_t out) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 3).padding(1));
}

ResidualBlock::ResidualBlock(int64_t in, int64_t out, const BlockOptions& options)
    : scale_shift_(options.scale_shift),
      dropout_(options.dropout),
      norm1_(register_module("norm1", group_norm(in, options))),
      conv1_(register_module("conv1", conv3x3(in, out))),
      time_emb_proj_(register_module(
          "time_emb_proj",
          zeroed(torch::nn::Linear(options.time_channels, options.scale_shift ? 2 * out : out),
                 options.zero_init))),
      norm2_(register_module("norm2", group_norm(out, options))),
      conv2_(register_module("conv2", zeroed(conv3x3(out, out), options.zero_init))) {
  if (in != out)
    conv_shortcut_ =
        register_module("conv_shortcut", torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 1)));
}

at::Tensor ResidualBlock::forward(const at::Tensor& x, const at::Tensor& time) {
  at::Tensor h = conv1_(at::silu(norm1_(x)));
  const at::Tensor projected = time_emb_proj_(time).unsqueeze(2).unsqueeze(3);
  if (scale_shift_) {
    const std::vector<at::Tensor> parts = projected.chunk(2, 1);
    h = at::addcmul(parts[1], norm2_(h), parts[0] + 1);
  } else {
    h = norm2_(h + projected);
  }
  h = at::silu(h);
  if (dropout_ > 0) h = at::dropout(h, dropout_, is_training());
  return (conv_shortcut_ ? conv_shortcut_(x) : x) + conv2_(h);
}

}  // namespace ornstein
