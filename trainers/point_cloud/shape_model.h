// Points independent given a latent shape code, Luo and Hu 2021 (arXiv:2103.01458):
//   z ~ p(z) (shape_prior.h),   x_i | z by diffusion (point_denoiser.h),   q(z | X)
//   (shape_encoder.h) loss = denoising loss at z ~ q(z | X) + kl_weight (-H[q(z | X)] - log p(z))
//
//   section    key           default                     meaning
//   `encoder`  channels      [128, 128, 256, 512]        layers of every point, before the maximum
//              code          256                         numbers of z
//   `prior`    layers        14                          couplings
//              hidden        256                         channels of their perceptrons
//   `denoiser` channels      [128, 256, 512, 256, 128]   hidden layers
//              time_pairs, time_frequencies    16, [0.25, 4]   of log sigma
//              point_pairs, point_frequencies  6, [1, 16]      framework/nn/point_features.h
#pragma once

#include <memory>
#include <vector>

#include "framework/base/batch.h"
#include "framework/config/config_reader.h"
#include "framework/diffusion/denoiser.h"
#include "framework/training/trainer.h"
#include "trainers/point_cloud/point_denoiser.h"
#include "trainers/point_cloud/shape_encoder.h"
#include "trainers/point_cloud/shape_prior.h"

namespace ornstein::point_cloud {

struct ShapeModel {
  std::shared_ptr<ShapeEncoder> encoder;
  std::shared_ptr<ShapePrior> prior;
  std::shared_ptr<PointDenoiser> denoiser;

  std::vector<ParameterGroup> parameters() const;  // "encoder", "prior", "denoiser"

  DiffusionNetwork network(const at::Tensor& z) const;  // z [B, Z]

  // One-draw estimate at z of KL(q | p), [B] nats, without bias.
  at::Tensor divergence(const ShapePosterior& q, const at::Tensor& z,
                        const at::Tensor& labels) const;
};

ShapeModel read_shape_model(const ConfigReader& root, int64_t axes, int64_t classes);

}  // namespace ornstein::point_cloud
