#include "framework/nn/class_embedding.h"

namespace ornstein {

at::Tensor add_class(const at::Tensor& h, torch::nn::Embedding& embedding,
                     const at::Tensor& labels) {
  if (!embedding) return h;
  TORCH_CHECK(labels.defined(), "this network is conditioned on labels, and none were given");
  return h + embedding(labels);
}

}  // namespace ornstein
