// Diffusion of clouds of points, in two forms:
//   joint    the points of a cloud are diffused together, with a network for sets (permutation
//            equivariant); PVD, Zhou, Du and Wu 2021, arXiv:2104.03670, with another network
//   latent   points are independent given a shape code with a prior of its own (shape_model.h);
//            DPM, Luo and Hu 2021, arXiv:2103.01458
// Noise levels, prediction and sampler are those of framework/diffusion/standard_diffusion.h, one
// level a cloud. Clouds may be ragged.
#pragma once

#include <optional>

#include "framework/diffusion/standard_diffusion.h"
#include "framework/nn/network.h"
#include "framework/training/trainer.h"
#include "framework/training/trainer_factory.h"
#include "trainers/point_cloud/clouds.h"
#include "trainers/point_cloud/shape_model.h"

namespace ornstein::point_cloud {

class PointCloudTrainer final : public Trainer {
 public:
  // Reads the sections `trainer` (README.md lists the keys), and `network` (joint) or `encoder`,
  // `prior` and `denoiser` (latent).
  PointCloudTrainer(const ConfigReader& root, const DataSpec& spec);

  Conditioning conditioning() const override {
    return classes_ > 0 ? Conditioning::labels : Conditioning::nothing;
  }
  std::vector<ParameterGroup> parameters() override;  // "network", or those of ShapeModel
  std::vector<NamedTensor> state() override;  // "mean" [D], "scale" [1], "sizes" of CloudSizes
  void fit(const Dataset& train, const ParallelRows& rows) override;  // the state, in one pass
  Loss loss(const Batch& batch, const Step& step) override;

  // Clouds of as many points as those of the data have, by class, at most sample_points(); a mask
  // where they are ragged.
  Batch sample(const SampleRequest& request, at::Generator& generator) override;

  // README.md defines the figures.
  std::vector<Figure> evaluate(const EvaluationRequest& request, const ParallelRows& rows) override;

 private:
  struct CloudLosses {
    at::Tensor denoising;   // [B], per dimension of a point
    at::Tensor divergence;  // [B] nats; of the latent form, else undefined
  };
  CloudLosses cloud_losses(const Batch& clouds, int64_t first_row, int64_t global_rows,
                           at::Generator& generator) const;
  void set_training(bool on) const;
  // Of a cloud that is drawn, masked ones included. The joint form knows a shape by as many points
  // as it was trained with: at a noise level the mean of more of them is less noisy than it
  // expects, and all samples would come out near the mean shape.
  int64_t sample_points() const;

  // [clouds, points, D] of shape {clouds, points}, in the data's unit; zero outside of `mask`,
  // which may be undefined.
  at::Tensor draw(const DiffusionNetwork& network, std::vector<int64_t> shape,
                  const at::Tensor& mask, int64_t steps, at::Generator& generator) const;
  Batch reconstruct(const Batch& clouds, at::Generator& generator) const;  // latent
  DiffusionNetwork joint_network(const at::Tensor& labels, const at::Tensor& mask) const;

  const DataSpec spec_;
  int64_t classes_ = 0;  // that samples are conditioned on; 0: none
  StandardDiffusion diffusion_;
  Network network_;                  // joint
  std::optional<ShapeModel> shape_;  // latent
  double kl_weight_ = 0;
  int64_t train_points_ = 0, evaluation_samples_ = 0, evaluation_points_ = 0;
  CloudScale scale_;
  CloudSizes sizes_;
};

void register_with(TrainerFactory& factory);

}  // namespace ornstein::point_cloud
