// Denoising score matching: one network learns E[x0 | x0 + sigma e] at all noise levels, which is
// the score, since score(y; sigma) = (E[x0 | y] - y)/sigma^2. Song et al. 2021, arXiv:2011.13456
// (vp); Karras et al. 2022, arXiv:2206.00364 (edm). Points of euclidean space, and images.
#pragma once

#include "framework/diffusion/standard_diffusion.h"
#include "framework/math/moments.h"
#include "framework/math/pixels.h"
#include "framework/nn/network.h"
#include "framework/training/trainer.h"
#include "framework/training/trainer_factory.h"

namespace ornstein::score {

class ScoreTrainer final : public Trainer {
 public:
  // Reads the sections `trainer` (README.md lists the keys) and `network`.
  ScoreTrainer(const ConfigReader& root, const DataSpec& spec);

  Conditioning conditioning() const override {
    return class_conditional_ ? Conditioning::labels : Conditioning::nothing;
  }
  std::vector<ParameterGroup> parameters() override;  // one: "network"
  std::vector<NamedTensor> state() override;          // "mean", "std" [C]; images also "grey" [1]
  void fit(const Dataset& train, const ParallelRows& rows) override;  // the state, in one pass
  Loss loss(const Batch& batch, const Step& step) override;
  bool replayable() const override { return true; }
  Batch sample(const SampleRequest& request, at::Generator& generator) override;

  // `denoising_loss`; `nll`, nats a row in the data's own measure; for images of grey levels
  // `nll_bits_per_dim` (README.md says what is counted).
  std::vector<Figure> evaluate(const EvaluationRequest& request, const ParallelRows& rows) override;

 private:
  at::Tensor prepare(const at::Tensor& x,
                     at::Generator& generator) const;  // as the network sees it
  DiffusionNetwork conditioned(const Batch& given) const;
  at::Tensor nll(const Batch& batch, at::Generator& generator) const;  // [B] nats

  const DataSpec spec_;
  const bool images_;
  StandardDiffusion diffusion_;
  bool class_conditional_ = false;
  int64_t nll_rows_ = 0;  // 0: all held-out rows
  Network network_;
  ImageFrame frame_;
  Moments moments_;  // of each dimension of a point, or of each channel
  at::Tensor grey_;  // [1], 1 where all training images are of 256 grey levels
};

void register_with(TrainerFactory& factory);

}  // namespace ornstein::score
