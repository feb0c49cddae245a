// What a network for functions knows besides its input, as one vector:
//   e = SiLU(time_embedding(features(t)) + class_embedding(label) + condition_embedding(condition))
// with the last two where the network has classes or a condition.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>

#include "framework/nn/network.h"
#include "framework/nn/time_embedding.h"

namespace ornstein {

class ConditionEmbedding : public torch::nn::Module {
 public:
  ConditionEmbedding(const TimeFeatures& features, int64_t channels, const NetworkShape& shape);

  // t [B]; given.labels [B], given.condition [B, K]. Returns [B, channels].
  at::Tensor forward(const at::Tensor& t, const Batch& given);

 private:
  TimeFeatures features_;
  std::shared_ptr<TimeEmbedding> time_embedding_;
  torch::nn::Embedding class_embedding_{nullptr};
  torch::nn::Linear condition_embedding_{nullptr};
};

}  // namespace ornstein
