// Multiscale diffusion (Batzolis, Stanczuk, Schonlieb & Etmann 2022, arXiv:2207.09786): the
// non-uniform diffusion of multiscale_process.h, one network an interval, each a plain image
// network at the size of the blocks still alive. Most sampling steps then cost a fraction of a
// full-size one.
//
// Loss of network k, t uniform in I_k: the likelihood's, sum over its blocks m of g_m^2/sigma_m^2
// |noise error|^2 = |dl_m/dt| |noise error|^2, divided by block k's constant and by the number of
// scalars. Where we differ: networks predict noise, block by block, not the raw score (which is
// 148 times larger at log-SNR 10), or by `prediction` what conditions better; blocks are centred.
#pragma once

#include "framework/math/moments.h"
#include "framework/math/pixels.h"
#include "framework/nn/network.h"
#include "framework/training/trainer.h"
#include "framework/training/trainer_factory.h"
#include "trainers/multiscale/multiscale_process.h"

namespace ornstein::multiscale {

struct Stage {
  std::string name;  // "scale_1" (full size), ..., "scale_S": its parameter group
  bool trained = true;
  Network network;
};

class MultiscaleTrainer final : public Trainer {
 public:
  // Reads the sections `trainer` (README.md lists the keys) and `network`, or `network_K` for
  // scale K.
  MultiscaleTrainer(const ConfigReader& root, const DataSpec& spec);

  std::vector<ParameterGroup> parameters() override;  // one a stage
  // "mean", "std" [C] of pixels, "deviations" [S] of blocks, "grey" [1].
  std::vector<NamedTensor> state() override;
  void fit(const Dataset& train, const ParallelRows& rows) override;  // the state, in one pass
  Update begin_step(const Step& step) override;  // one stage in turn, or all at once
  Loss loss(const Batch& batch, const Step& step) override;
  Batch sample(const SampleRequest& request, at::Generator& generator) override;

  // `denoising_loss_scale_K`; `network_pixels` of one sample; `nll_bound`, nats a (padded) image;
  // for images of grey levels `nll_bound_bits_per_dim` (README.md says what is counted).
  std::vector<Figure> evaluate(const EvaluationRequest& request, const ParallelRows& rows) override;

 private:
  void make_stages(const ConfigReader& root);
  std::vector<int64_t> trained_at(int64_t step) const;  // numbers k
  at::Tensor prepare(const at::Tensor& x, at::Generator& generator) const;
  DiffusionNetwork network(int64_t k) const;  // of interval k's state
  at::Tensor stage_loss(int64_t k, const at::Tensor& x, int64_t first_row, int64_t global_rows,
                        at::Generator& generator) const;                      // [B]
  at::Tensor nll_bound(const at::Tensor& x, at::Generator& generator) const;  // [B] nats
  int64_t steps_of_interval(int64_t steps) const;  // `steps` of all intervals, shared out
  double network_pixels(int64_t steps) const;      // seen by all networks for one sample

  const DataSpec spec_;
  Prediction prediction_ = Prediction::noise;
  Sampler sampler_;
  bool in_turn_ = true;
  int64_t bound_rows_ = 0, bound_draws_ = 0;
  ImageFrame frame_;
  Moments moments_;
  at::Tensor grey_;            // [1], 1 where all training images are of 256 grey levels
  std::vector<Stage> stages_;  // in the order of k
  std::optional<MultiscaleProcess> process_;
};

void register_with(TrainerFactory& factory);

}  // namespace ornstein::multiscale
