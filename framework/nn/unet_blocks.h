// The three kinds of block a U-Net is made of, with the tensors and names of diffusers'
// (Attn)DownBlock2D, UNetMidBlock2D and (Attn)UpBlock2D.
// `time` is [B, time_channels] after SiLU throughout; head_dim 0 means a block without attention.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>

#include <cstdint>
#include <vector>

#include "framework/nn/residual_block.h"

namespace ornstein {

// `layers` residual blocks, each followed by attention if any, then a halving convolution if
// `downsample`.
class DownBlock : public torch::nn::Module {
 public:
  // padding: of the halving convolution; 1, or 0 for one row and column of zeros at the far edges.
  DownBlock(int64_t in_channels, int64_t out_channels, int64_t layers, int64_t head_dim,
            bool downsample, int64_t padding, const BlockOptions& options);

  // x [B, in_channels, H, W] -> [B, out_channels, H/2, W/2] (H, W without downsampling). What the
  // way up will want goes on top of `skips`: every layer's result, and the halved one.
  at::Tensor forward(at::Tensor x, const at::Tensor& time, std::vector<at::Tensor>& skips);

 private:
  torch::nn::ModuleList attentions_, resnets_, downsamplers_;
};

// Residual block, attention if any, residual block.
class MidBlock : public torch::nn::Module {
 public:
  MidBlock(int64_t channels, int64_t head_dim, const BlockOptions& options);
  at::Tensor forward(at::Tensor x, const at::Tensor& time);  // [B, channels, H, W] -> the same

 private:
  torch::nn::ModuleList attentions_, resnets_;
};

// `layers` residual blocks on x joined with the top of `skips`, each followed by attention if any,
// then a doubling convolution if `upsample`.
class UpBlock : public torch::nn::Module {
 public:
  // in_channels: of x; last_skip_channels: of the last skip taken; all others have out_channels.
  UpBlock(int64_t in_channels, int64_t last_skip_channels, int64_t out_channels, int64_t layers,
          int64_t head_dim, bool upsample, const BlockOptions& options);

  // x [B, in_channels, H, W] -> [B, out_channels, 2H, 2W] (H, W without upsampling). Pops what it
  // takes.
  at::Tensor forward(at::Tensor x, const at::Tensor& time, std::vector<at::Tensor>& skips);

 private:
  torch::nn::ModuleList attentions_, resnets_, upsamplers_;
};

}  // namespace ornstein
