// A small convolution net whose gradients lie in one flat buffer, as the training loop lays them
// out.
#pragma once

#include "framework/comm/gradient_reducer.h"

namespace ornstein {

struct FlatNet {
  FlatNet(uint64_t seed, at::ScalarType type) {
    namespace nn = torch::nn;
    at::manual_seed(seed);
    net = nn::Sequential(nn::Conv2d(nn::Conv2dOptions(1, 8, 3).padding(1)), nn::Tanh(),
                         nn::Conv2d(nn::Conv2dOptions(8, 8, 3).padding(1)), nn::Tanh(),
                         nn::Flatten(), nn::Linear(8 * 6 * 6, 32), nn::Tanh(), nn::Linear(32, 5));
    net->to(type);
    const int64_t step = 64 / static_cast<int64_t>(c10::elementSize(type));
    gradients.name = "net";
    gradients.parameters = net->parameters();
    int64_t elements = 0;
    for (const auto& parameter : gradients.parameters) {
      gradients.offsets.push_back(elements);
      elements += (parameter.numel() + step - 1) / step * step;
    }
    gradients.flat = at::zeros({elements}, type);
    for (size_t i = 0; i < gradients.parameters.size(); ++i) {
      at::Tensor& parameter = gradients.parameters[i];
      parameter.mutable_grad() =
          gradients.flat.narrow(0, gradients.offsets[i], parameter.numel()).view(parameter.sizes());
    }
  }

  // A sum over rows, so that the shards' gradients add up to the batch's.
  at::Tensor loss(const at::Tensor& rows) { return net->forward(rows).square().sum(); }

  torch::nn::Sequential net;
  GradientBuffer gradients;
};

// The same 8 rows on every rank: [8, 1, 6, 6].
inline at::Tensor batch(at::ScalarType type) {
  at::manual_seed(11);
  return at::randn({8, 1, 6, 6}, at::kDouble).to(type);
}

// Rows of this rank's share: 8 on 1 rank, 4 on 2, 2 on 4.
inline at::Tensor share(const at::Tensor& rows, const ProcessGroup& group) {
  return rows.chunk(world_size(group))[rank(group)];
}

// The largest difference, measured by the largest gradient.
inline double distance(const at::Tensor& a, const at::Tensor& truth) {
  return ((a - truth).abs().max() / truth.abs().max()).item<double>();
}

inline double tolerance(at::ScalarType type) { return type == at::kDouble ? 1e-12 : 1e-5; }

}  // namespace ornstein
