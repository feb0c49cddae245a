// A learned vector for each class, added to what the network computes from the time.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/modules/embedding.h>

namespace ornstein {

// h [B, K] + embedding(labels [B] int64); h itself where `embedding` is an empty holder, for
// networks without classes.
at::Tensor add_class(const at::Tensor& h, torch::nn::Embedding& embedding,
                     const at::Tensor& labels);

}  // namespace ornstein
