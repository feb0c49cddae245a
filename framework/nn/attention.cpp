#include "framework/nn/attention.h"

#include "framework/nn/zero_init.h"

namespace ornstein {

int64_t read_heads(const ConfigReader& section, int64_t width) {
  const int64_t heads = section.integer("heads", 4, 1);
  if (width % heads != 0)
    section.fail("width", fmt::format("{} is no multiple of heads = {}", width, heads));
  return heads;
}

SelfAttention::SelfAttention(int64_t channels, int64_t head_dim, bool normalise,
                             const BlockOptions& options)
    : heads_(channels / head_dim) {
  TORCH_CHECK(heads_ > 0, "attention heads of ", head_dim, " do not fit into ", channels,
              " channels");
  const int64_t inner = heads_ * head_dim;
  if (normalise) group_norm_ = register_module("group_norm", group_norm(channels, options));
  to_q_ = register_module("to_q", torch::nn::Linear(channels, inner));
  to_k_ = register_module("to_k", torch::nn::Linear(channels, inner));
  to_v_ = register_module("to_v", torch::nn::Linear(channels, inner));
  register_module("to_out", to_out_);
  to_out_->push_back(zeroed(torch::nn::Linear(inner, channels), options.zero_init));
}

at::Tensor SelfAttention::forward(const at::Tensor& x) {
  const at::Tensor tokens = (group_norm_ ? group_norm_(x) : x).flatten(2).transpose(1, 2);
  auto split = [&](torch::nn::Linear& projection) {  // [B, heads, HW, head_dim]
    return projection(tokens).unflatten(2, {heads_, -1}).transpose(1, 2);
  };
  const at::Tensor mixed =
      at::scaled_dot_product_attention(split(to_q_), split(to_k_), split(to_v_));
  const at::Tensor y =
      to_out_->at<torch::nn::LinearImpl>(0).forward(mixed.transpose(1, 2).flatten(2));
  return x + y.transpose(1, 2).view_as(x);
}

}  // namespace ornstein
