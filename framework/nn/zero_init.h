// Layers that start at zero, so that a residual branch begins as the identity and an output layer
// as zero (Goyal et al. 2017, arXiv:1706.02677, sec. 5.1; Dhariwal and Nichol 2021,
// arXiv:2105.05233).
#pragma once

#include <torch/nn/init.h>

namespace ornstein {

// `layer`, a module holder, with all its parameters zero; untouched when `zero` is false.
template <class Layer>
Layer zeroed(Layer layer, bool zero = true) {
  if (zero)
    for (const at::Tensor& parameter : layer->parameters()) torch::nn::init::zeros_(parameter);
  return layer;
}

}  // namespace ornstein
