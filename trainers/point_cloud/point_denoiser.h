// The denoiser of one point given a shape code, Luo and Hu 2021 (arXiv:2103.01458, sec. 4.4, and
// their code): layers h <- LeakyReLU(2 sigmoid(G c) (W h) + U c) with c = [time(t), z], alike at
// every point, so that points are independent given z. Where we differ: t is log sigma, and its
// features are sines and cosines over its whole range; theirs, (beta, sin beta, cos beta) with beta
// <= 0.02, are nearly (beta, beta, 1). They add the noisy point to the output; here the prediction
// (framework/diffusion/prediction.h) does. The first layer sees features of the point
// (framework/nn/point_features.h). Gates are 1 and W of He et al. 2015 (arXiv:1502.01852) at the
// start: with gates of 1/2 and smaller weights, theirs, the point is hardly seen behind a few
// layers.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>

#include <cstdint>
#include <vector>

#include "framework/nn/point_features.h"
#include "framework/nn/time_embedding.h"

namespace ornstein::point_cloud {

class PointDenoiser : public torch::nn::Module {
 public:
  // channels: of the hidden layers. The output starts at zero.
  PointDenoiser(int64_t axes, const std::vector<int64_t>& channels, int64_t code,
                const PointFeatures& point_features, const TimeFeatures& time_features);

  // x [B, P, D], t [B], z [B, Z] -> [B, P, D]
  at::Tensor forward(const at::Tensor& x, const at::Tensor& t, const at::Tensor& z);

 private:
  PointFeatures point_features_;
  TimeFeatures time_features_;
  torch::nn::ModuleList layers_;
};

}  // namespace ornstein::point_cloud
