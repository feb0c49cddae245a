// A density of shape codes z [B, Z]: an affine coupling flow to w ~ N(0, I) (Dinh et al. 2017,
// arXiv:1605.08803), as the prior of Luo and Hu 2021 (arXiv:2103.01458, sec. 4.3):
//   log p(z) = log N(w; 0, I) + log|det dw/dz|
// With z = (u, v), a layer keeps u and maps v to v exp(s(u)) + t(u), the next one keeps the other
// half; s and t are perceptrons of two hidden layers, which see the class where there are classes.
// Where we differ: |s| < 2 by tanh, and the flow starts as the identity.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>

#include <cstdint>

namespace ornstein::point_cloud {

class ShapePrior : public torch::nn::Module {
 public:
  // size >= 2; classes 0: labels are not used.
  ShapePrior(int64_t size, int64_t layers, int64_t hidden, int64_t classes);

  at::Tensor log_density(const at::Tensor& z, const at::Tensor& labels);  // [B] nats
  at::Tensor from_normal(const at::Tensor& w, const at::Tensor& labels);  // [B, Z]: z
  at::Tensor sample(int64_t rows, const at::Tensor& labels, at::Generator& generator);

 private:
  int64_t size_;
  torch::nn::ModuleList layers_;
};

}  // namespace ornstein::point_cloud
