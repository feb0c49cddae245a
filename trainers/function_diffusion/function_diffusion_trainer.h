// Diffusion of functions: u_t = alpha u_0 + sigma xi with noise xi ~ N(0, C) that is a function
// itself, so that the model belongs to a space of functions and not to a grid. Train on some grids,
// sample on any. Kerrigan, Ley and Smyth 2023, arXiv:2212.00886; functional flow matching of
// Kerrigan, Migliorini and Smyth 2024, arXiv:2305.17209, is the other `process`.
//
// In the coordinates y = u_0 + (sigma/alpha) xi of framework/diffusion nothing but the noise's law
// differs from other diffusion: predictions, levels and samplers are the same, fed with draws of
// N(0, C). Where we differ: levels are continuous, of edm or of vp's limit of 1,000 steps; the
// residual's norm is a choice (function_space.h).
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "framework/diffusion/standard_diffusion.h"
#include "framework/math/moments.h"
#include "framework/nn/network.h"
#include "framework/training/trainer.h"
#include "framework/training/trainer_factory.h"
#include "trainers/function_diffusion/flow_matching.h"
#include "trainers/function_diffusion/function_space.h"
#include "trainers/function_diffusion/observation.h"

namespace ornstein::function_diffusion {

class FunctionDiffusionTrainer final : public Trainer {
 public:
  // Reads the sections `trainer` (README.md lists the keys) and `network`.
  FunctionDiffusionTrainer(const ConfigReader& root, const DataSpec& spec);

  Conditioning conditioning() const override { return Conditioning::rows; }
  std::vector<ParameterGroup> parameters() override;  // one: "network"
  // "mean", "std" [C]; "coordinates" of sampling_grid.h's finest grid; of data with a condition
  // "condition_mean", "condition_std" [K] and "conditions" [16, K], those of the first rows.
  std::vector<NamedTensor> state() override;
  void fit(const Dataset& train, const ParallelRows& rows) override;  // the state
  Loss loss(const Batch& batch, const Step& step) override;

  at::Tensor coordinates() const override { return coordinates_; }  // the finest training grid

  // On given.coordinates, or else coordinates(). Where given.mask [rows, n(, m)] is true (without a
  // mask: everywhere) samples meet given.x. Row i has given.condition[i], or else that of training
  // row i mod 16. Returns x, coordinates and condition.
  Batch sample(const SampleRequest& request, at::Generator& generator) override;

  // README.md defines the figures.
  std::vector<Figure> evaluate(const EvaluationRequest& request, const ParallelRows& rows) override;

 private:
  at::Tensor row_losses(const Batch& batch, int64_t first_row, int64_t global_rows,
                        at::Generator& generator) const;  // [B]
  DiffusionNetwork conditioned(const Batch& given) const;
  // Standardised functions [rows, C, n(, m)].
  at::Tensor draw(const FunctionSpace& space, const DiffusionNetwork& network, int64_t rows,
                  int64_t steps, const Observation* known, at::Generator& generator) const;
  std::optional<Observation> known_values(const Batch& given, const FunctionSpace& space) const;
  at::Tensor condition_of(const SampleRequest& request) const;         // [rows, K], or undefined
  at::Tensor nll(const Batch& batch, at::Generator& generator) const;  // [B] nats
  void require_norm() const;
  std::shared_ptr<const FunctionSpace> space_on(const at::Tensor& coordinates) const;

  const DataSpec spec_;
  SpaceSettings settings_;
  StandardDiffusion diffusion_;
  std::optional<FlowMatching> flow_;  // instead of diffusion_
  Guidance guidance_;
  int64_t evaluation_samples_ = 0, nll_rows_ = 0;
  Network network_;
  Moments moments_;            // of each channel, over the domain and the rows
  at::Tensor coordinates_;     // [n, 1] or [n, m, 2], the data's own unit
  Moments condition_moments_;  // of each number of the condition
  at::Tensor conditions_;      // [16, K], as the data have them
  // A memo, by the grid and the number of its device.
  mutable std::map<std::pair<uint64_t, int64_t>, std::shared_ptr<const FunctionSpace>> spaces_;
};

void register_with(TrainerFactory& factory);

}  // namespace ornstein::function_diffusion
