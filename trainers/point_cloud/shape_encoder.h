// PointNet (Qi et al. 2017, arXiv:1612.00593) as the posterior of a shape code given a cloud, Luo
// and Hu 2021 (arXiv:2103.01458, sec. 4.4):
//   q(z | X) = N(mean, diag exp(log_variance)),    (mean, log_variance) = head(max_i point(x_i))
// The maximum over points makes it invariant under permutations. Where we differ: each layer of
// `point` is linear, layer normalisation, ReLU. Their batch normalisation would tie the rows of a
// batch, and ranks, to each other; mean and variance share the head's hidden layers. So that the
// denoiser finds a code worth reading before the divergence has emptied it, the encoder starts with
// weights of He et al. 2015 (arXiv:1502.01852) and, as LION does (Zeng et al. 2022,
// arXiv:2210.06978, app. D), with a deviation of exp(-3).
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <vector>

namespace ornstein::point_cloud {

struct ShapePosterior {
  at::Tensor mean, log_variance;  // [B, Z]

  at::Tensor draw(at::Generator& generator) const;  // differentiable in both
  at::Tensor entropy() const;                       // [B] nats
};

class ShapeEncoder : public torch::nn::Module {
 public:
  // channels: of the layers of `point`, one or more. The head: half as many as the last of them,
  // twice.
  ShapeEncoder(int64_t axes, const std::vector<int64_t>& channels, int64_t code);

  // x [B, P, D], mask [B, P] or undefined.
  ShapePosterior forward(const at::Tensor& x, const at::Tensor& mask);

 private:
  torch::nn::ModuleList points_;
  torch::nn::Linear head_1_{nullptr}, head_2_{nullptr}, head_3_{nullptr};
};

}  // namespace ornstein::point_cloud
