// The convolutional residual block of diffusion networks (Ho et al. 2020, arXiv:2006.11239, app.
// B), with the tensors and names of diffusers' ResnetBlock2D:
//   h = conv1(SiLU(norm1(x)))
//   h = norm2(h + shift)               or  h = norm2(h) (1 + scale) + shift   with scale_shift
//   y = shortcut(x) + conv2(dropout(SiLU(h)))
// shift and scale are linear in the time embedding; the second form is the adaptive group
// normalisation of Dhariwal and Nichol 2021 (arXiv:2105.05233, sec. 3.1).
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <cstdint>

namespace ornstein {

// What all blocks of a network share.
struct BlockOptions {
  int64_t time_channels = 0;  // of the time embedding
  int64_t groups = 8;         // of every group normalisation; divides every number of channels
  double eps = 1e-5;          // of every group normalisation
  double dropout = 0;         // probability, in training mode only
  bool scale_shift = true;
  bool zero_init = true;  // conv2, the time projection and attention's output start at zero
};

torch::nn::GroupNorm group_norm(int64_t channels, const BlockOptions& options);
torch::nn::Conv2d conv3x3(int64_t in_channels, int64_t out_channels);  // keeps H and W

class ResidualBlock : public torch::nn::Module {
 public:
  ResidualBlock(int64_t in_channels, int64_t out_channels, const BlockOptions& options);

  // x [B, in_channels, H, W]; time [B, time_channels], after its SiLU, which all blocks share.
  // Returns [B, out_channels, H, W].
  at::Tensor forward(const at::Tensor& x, const at::Tensor& time);

 private:
  bool scale_shift_;
  double dropout_;
  torch::nn::GroupNorm norm1_;
  torch::nn::Conv2d conv1_;
  torch::nn::Linear time_emb_proj_;
  torch::nn::GroupNorm norm2_;
  torch::nn::Conv2d conv2_;
  torch::nn::Conv2d conv_shortcut_{nullptr};  // only where the number of channels changes
};

}  // namespace ornstein
