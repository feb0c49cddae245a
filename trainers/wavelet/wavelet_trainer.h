// Wavelet score-based generative model (Guth, Coste, De Bortoli & Mallat 2022, arXiv:2208.05003):
//   p(image) = |det| p(low_J) prod_{j = J..1} p(details_j | low_j),
// each factor a diffusion of its own in standardised orthonormal wavelet bands, with the same
// number of sampling steps at every scale. Where we differ: edm noise levels and preconditioning
// unless `path` is "ou", the paper's.
#pragma once

#include "framework/diffusion/standard_diffusion.h"
#include "framework/math/pixels.h"
#include "framework/nn/network.h"
#include "framework/training/trainer.h"
#include "framework/training/trainer_factory.h"
#include "trainers/wavelet/wavelet_pyramid.h"

namespace ornstein::wavelet {

// One factor: its name is that of its parameter group and of its terms in the log.
struct Stage {
  std::string name;          // "low", "detail_J", ..., "detail_1"
  int64_t scale = 0;         // j
  bool conditional = false;  // details, given the low-pass of their scale
  bool trained = true;
  Network network;
};

class WaveletTrainer final : public Trainer {
 public:
  // Reads the sections `trainer` (README.md lists the keys), `network` (low) and `detail_network`.
  WaveletTrainer(const ConfigReader& root, const DataSpec& spec);

  std::vector<ParameterGroup> parameters() override;  // one a stage
  std::vector<NamedTensor> state() override;          // the pyramid's, and "grey" [1]
  void fit(const Dataset& train, const ParallelRows& rows) override;  // the state, in one pass
  Update begin_step(const Step& step) override;                       // the trained stages
  Loss loss(const Batch& batch, const Step& step) override;           // their sum
  bool replayable() const override { return true; }
  Batch sample(const SampleRequest& request, at::Generator& generator) override;

  // `denoising_loss_STAGE`; `network_pixels` of one sample; `nll`, nats a (padded) image; for
  // images of grey levels `nll_bits_per_dim` (README.md says what is counted).
  std::vector<Figure> evaluate(const EvaluationRequest& request, const ParallelRows& rows) override;

 private:
  void make_stages(const ConfigReader& root);
  // Bands of the images, framed and dequantised.
  std::vector<WaveletBands> bands_of(const at::Tensor& x, at::Generator& generator) const;
  at::Tensor stage_loss(const Stage& stage, const std::vector<WaveletBands>& bands,
                        int64_t first_row, int64_t global_rows,
                        at::Generator& generator) const;                // [B]
  at::Tensor nll(const at::Tensor& x, at::Generator& generator) const;  // [B] nats
  double network_pixels(int64_t steps) const;  // seen by all networks for one sample

  const DataSpec spec_;
  StandardDiffusion diffusion_;
  double detail_temperature_ = 1;
  int64_t nll_rows_ = 0;
  ImageFrame frame_;
  WaveletPyramid pyramid_;
  at::Tensor grey_;            // [1], 1 where all training images are of 256 grey levels
  std::vector<Stage> stages_;  // in the order of generation
};

void register_with(TrainerFactory& factory);

}  // namespace ornstein::wavelet
