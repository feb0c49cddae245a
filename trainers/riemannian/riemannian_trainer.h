// Diffusion on Riemannian manifolds: the score of Brownian motion (Langevin motion where the space
// is not compact) learnt on spheres, tori, rotations, hyperbolic spaces and their products. RSGM,
// De Bortoli et al. 2022, arXiv:2202.02763; the variational bound is that of RDM, Huang et al.
// 2022, arXiv:2208.07949; Riemannian flow matching, Chen and Lipman 2024, arXiv:2302.03660, is one
// more `loss`. Points of every space with geometry; README.md lists the keys.
#pragma once

#include <optional>

#include "framework/training/trainer.h"
#include "framework/training/trainer_factory.h"
#include "trainers/riemannian/samplers.h"
#include "trainers/riemannian/space_network.h"

namespace ornstein::riemannian {

class RiemannianTrainer final : public Trainer {
 public:
  // Reads the sections `trainer` and `network`.
  RiemannianTrainer(const ConfigReader& root, const DataSpec& spec);
  RiemannianTrainer(const RiemannianTrainer&) = delete;

  std::vector<ParameterGroup> parameters() override;  // one: "network"
  std::vector<NamedTensor> state() override { return {}; }
  Loss loss(const Batch& batch, const Step& step) override;
  Batch sample(const SampleRequest& request, at::Generator& generator) override;

  // README.md defines the figures.
  std::vector<Figure> evaluate(const EvaluationRequest& request, const ParallelRows& rows) override;

  ScoreFunction score() const;        // of the loss's other kinds
  VelocityFunction velocity() const;  // of flow matching

 private:
  enum class Sampler { walk, heun, adaptive };
  enum class Weighting { noise, bound };

  at::Tensor row_losses(const at::Tensor& x, int64_t first_row, int64_t global_rows,
                        at::Generator& generator) const;  // [B], per dimension
  Flow flow(const DivergenceKind& divergence) const;
  at::Tensor draw(const at::Tensor& noise, int64_t steps, at::Generator& generator) const;
  at::Tensor log_density(const at::Tensor& x, at::Generator& generator) const;  // [B] nats
  void add_likelihoods(const EvaluationRequest& request, const ParallelRows& rows,
                       std::vector<Figure>& figures) const;
  Figure normalisation(const ParallelRows& rows) const;

  ForwardProcess process_;
  const Space& space_ = process_.space;
  std::optional<ScoreLoss> score_loss_;  // none: flow matching
  Weighting weighting_ = Weighting::noise;
  Sampler sampler_ = Sampler::walk;
  int64_t steps_ = 0;
  double tolerance_ = 0;
  bool hutchinson_ = false;
  int64_t nll_rows_ = 0;  // 0: all held-out rows
  int64_t bound_times_ = 0, bound_paths_ = 0;
  int64_t normalisation_latitudes_ = 0;
  int64_t evaluation_samples_ = 0;
  SpaceNetwork network_;
};

void register_with(TrainerFactory& factory);

}  // namespace ornstein::riemannian
