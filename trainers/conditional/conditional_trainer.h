// Conditional diffusion p(x | y) of images: super-resolution, inpainting and classes, by the
// estimators CDE, CDiffE, CMDE and VS-CMDE of Batzolis et al. 2021, arXiv:2111.13606
// (estimator.h). Where we differ: edm noise levels and preconditioning unless `path` is "ve", the
// paper's; a deterministic sampler for x's block by default; noise of y in y's own space (task.h).
#pragma once

#include "framework/diffusion/standard_diffusion.h"
#include "framework/math/moments.h"
#include "framework/training/trainer.h"
#include "framework/training/trainer_factory.h"
#include "trainers/conditional/joint_diffusion.h"

namespace ornstein::conditional {

class ConditionalTrainer final : public Trainer {
 public:
  // Reads the sections `trainer` (README.md lists the keys) and `network`.
  ConditionalTrainer(const ConfigReader& root, const DataSpec& spec);

  Conditioning conditioning() const override {
    return by_label() ? Conditioning::labels : Conditioning::rows;
  }
  std::vector<ParameterGroup> parameters() override;  // one: "network"
  // "mean", "std" [C]; "grey" [1]; of vs_cmde "sigma_max_y" [1], the last step's; unless the
  // condition is a label "examples" [16, C, H, W].
  std::vector<NamedTensor> state() override;
  void fit(const Dataset& train, const ParallelRows& rows) override;
  Update begin_step(const Step& step) override;
  Loss loss(const Batch& batch, const Step& step) override;

  // Row i is conditioned on what is observed of given.x[i], an image in the data's unit, or without
  // it of example i mod 16; with labels on given.labels[i], or else the classes in turn. y is as
  // noisy as in the last step of training.
  Batch sample(const SampleRequest& request, at::Generator& generator) override;

  // `denoising_loss`, `diversity`; of observed images also `psnr`, `psnr_of_mean`, `ssim` and
  // `consistency` (README.md defines them).
  std::vector<Figure> evaluate(const EvaluationRequest& request, const ParallelRows& rows) override;

 private:
  at::Tensor prepare(const at::Tensor& x, at::Generator& generator) const;  // as it is diffused
  Observation observe(const at::Tensor& x, at::Generator& generator) const;
  Estimator as_trained() const;  // that of the last step
  BlockLosses losses(const Batch& batch, const Estimator& estimator, int64_t first_row,
                     int64_t global_rows, at::Generator& generator) const;
  // Images in the data's unit given y [rows, ...], and labels if they are the condition.
  at::Tensor draw(const Observation& observation, const at::Tensor& labels, int64_t steps,
                  at::Generator& generator) const;
  at::Tensor images_given(const SampleRequest& request) const;  // [rows, C, H, W]
  // The figures of samples for each held-out image, [B, number of figures]: evaluate() names them.
  at::Tensor judged(const Batch& batch, at::Generator& generator) const;
  bool by_label() const { return task_.kind == TaskKind::labels; }

  const DataSpec spec_;
  StandardDiffusion diffusion_;
  Task task_;
  Estimator estimator_;
  bool one_path_ = false;  // of y_t while sampling
  int64_t samples_per_row_ = 0, evaluation_rows_ = 0;
  double dynamic_range_ = 2;
  Network network_;
  Moments moments_;         // of each channel
  at::Tensor grey_;         // [1], 1 where all training images are of 256 grey levels
  at::Tensor sigma_max_y_;  // [1], in units of the data's deviation: the last step's
  at::Tensor examples_;     // [16, C, H, W], the data's unit: the first training images
};

void register_with(TrainerFactory& factory);

}  // namespace ornstein::conditional
