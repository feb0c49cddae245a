// First hitting diffusion: data on a sphere, on the corners of a cube, or anywhere at a fixed time
// (points of flat space, clouds of equally many points), as where a Brownian motion with a learnt
// drift hits them first. Ye, Wu and Liu 2022 (First Hitting Diffusion Models, NeurIPS). domain.h
// has the equations, ball.h, cube.h and fixed_time.h the domains.
//
// The loss of a row is an unbiased estimate of the bound on its -log p(x), in nats. Where we
// differ: states of bridges are drawn from their law, not simulated, and walks hit without
// overshoot.
#pragma once

#include "framework/math/moments.h"
#include "framework/nn/network.h"
#include "framework/training/trainer.h"
#include "framework/training/trainer_factory.h"
#include "trainers/first_hitting/domain.h"
#include "trainers/first_hitting/walk.h"

namespace ornstein::first_hitting {

class FirstHittingTrainer final : public Trainer {
 public:
  // Reads the sections `trainer` (README.md lists the keys) and `network`.
  FirstHittingTrainer(const ConfigReader& root, const DataSpec& spec);

  std::vector<ParameterGroup> parameters() override;  // one: "network"
  std::vector<NamedTensor> state() override;          // of flat space "mean", "std" [D]
  void fit(const Dataset& train, const ParallelRows& rows) override;  // the state
  Loss loss(const Batch& batch, const Step& step) override;
  Batch sample(const SampleRequest& request, at::Generator& generator) override;

  // `nll_bound`, `nll_importance`: nats a row, against the space's volume, or as log probability;
  // `steps_per_sample`, `steps_longest`; of points those of framework/evaluation.
  std::vector<Figure> evaluate(const EvaluationRequest& request, const ParallelRows& rows) override;

  at::Tensor drift(const at::Tensor& z) const;  // s of states z [n, S], [n, D]

 private:
  at::Tensor output(const at::Tensor& z) const;                  // of the network, float64
  at::Tensor costs(const Bridges& bridges, int64_t rows) const;  // [rows]: means over a row's
  // Bounds on -log p(x), [b]: x [b, D] in the data's unit, `draws` states of bridges a row.
  at::Tensor bounds(const at::Tensor& x, int64_t draws, at::Generator& generator) const;
  // Rows as the domain has them, float64, [n, D] or of clouds [n, P D], and back.
  at::Tensor inward(const at::Tensor& x) const;
  at::Tensor outward(const at::Tensor& z) const;
  at::Tensor log_det(const at::Tensor& x) const;  // of inward, scalar
  bool binary() const { return spec_.space == "binary"; }
  void add_sample_figures(const EvaluationRequest& request, const at::Tensor& samples,
                          std::vector<Figure>& figures) const;
  Arrivals walks(int64_t rows, int64_t steps, at::Generator& generator) const;

  const DataSpec spec_;
  const bool clouds_, flat_;  // flat space: points, or clouds of points
  bool graphs_ = false;       // binary rows are upper triangles of adjacency matrices
  std::shared_ptr<const Domain> domain_;
  bool weighs_paths_ = true;  // walks have the chain's own density
  int64_t nll_rows_ = 0;      // 0: all held-out rows
  int64_t bound_draws_ = 0, importance_rows_ = 0, importance_paths_ = 0, evaluation_samples_ = 0;
  Network network_;
  Moments moments_;
};

void register_with(TrainerFactory& factory);

}  // namespace ornstein::first_hitting
