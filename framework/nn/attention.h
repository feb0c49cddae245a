// Self-attention over the pixels of an image, added to it (Vaswani et al. 2017, arXiv:1706.03762;
// in U-Nets since Ho et al. 2020), with the tensors and names of diffusers' Attention:
//   y = x + to_out(softmax(q k^T / sqrt(head_dim)) v),   q, k, v linear in group_norm(x)
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <cstdint>

#include "framework/config/config_reader.h"
#include "framework/nn/residual_block.h"

namespace ornstein {

// Reads "heads" (4), which divide `width` channels; for networks of a "width".
int64_t read_heads(const ConfigReader& section, int64_t width);

class SelfAttention : public torch::nn::Module {
 public:
  // channels / head_dim heads, rounded down, at least one. Without `normalise` there is no
  // group_norm.
  SelfAttention(int64_t channels, int64_t head_dim, bool normalise, const BlockOptions& options);
  at::Tensor forward(const at::Tensor& x);  // [B, channels, H, W] -> the same

 private:
  int64_t heads_;
  torch::nn::GroupNorm group_norm_{nullptr};
  torch::nn::Linear to_q_{nullptr}, to_k_{nullptr}, to_v_{nullptr};
  torch::nn::ModuleList to_out_;  // of one: "to_out.0" is the name in stored weights
};

}  // namespace ornstein
