// Implicit nonlinear diffusion, INDM (Kim, Na, Kwon, Lee, Kang & Moon 2022, arXiv:2205.13699): a
// bijection z = h(x) and a linear diffusion of z, trained together by the bound
//
//   -log p(x) <= -log|det dh/dx| + 1/2 int g^2 E|score error|^2 dt + E[-log N(z_1; 0, I)] + const
//
// (latent_bound.h). In the space of the data the process h^-1(z_t) is nonlinear; it is never
// simulated. All terms of a loss are per dimension, and divided by Z/2, Z = int g^2/s^2 dt: the
// first is then the plain noise loss, and with the identity flow this is the method `score` on the
// path vp, bit for bit.
//
// Mode `nll` trains both by the bound, t drawn by importance. Mode `fid` is the paper's for
// pictures: the flow by that same bound, the score network by the noise loss with t uniform. Where
// we differ: one step updates one of the two, even steps the flow and odd ones the score network on
// latents of the updated flow, where the paper does both within a step; no global latent in the
// flow, so that h^-1(h(x)) = x; the term of z_1 in closed form.
#pragma once

#include "framework/diffusion/gaussian_path.h"
#include "framework/diffusion/standard_diffusion.h"
#include "framework/math/moments.h"
#include "framework/math/pixels.h"
#include "framework/nn/network.h"
#include "framework/training/trainer.h"
#include "framework/training/trainer_factory.h"
#include "trainers/nonlinear_flow/bijection.h"

namespace ornstein::nonlinear_flow {

class NonlinearFlowTrainer final : public Trainer {
 public:
  // Reads the sections `trainer` (README.md lists the keys), `flow` (flow.h) and `network`.
  NonlinearFlowTrainer(const ConfigReader& root, const DataSpec& spec);

  std::vector<ParameterGroup> parameters() override;  // "score"; "flow", but for the identity
  std::vector<NamedTensor> state() override;  // "mean", "std" [C], "grey" [1], "flow.*": the flow's
  void fit(const Dataset& train, const ParallelRows& rows) override;  // state, first flow values
  Update begin_step(const Step& step) override;
  Loss loss(const Batch& batch, const Step& step) override;
  Batch sample(const SampleRequest& request, at::Generator& generator) override;

  // `denoising_loss` and mean square of the latents; `nll` by the probability-flow ODE; `nll_bound`
  // and its terms; for images of grey levels both in bits (README.md says what is counted).
  std::vector<Figure> evaluate(const EvaluationRequest& request, const ParallelRows& rows) override;

 private:
  bool trains_flow(const Step& step) const;
  at::Tensor prepare(const at::Tensor& x, at::Generator& generator) const;  // as the flow sees it
  DiffusionNetwork network() const;
  at::Tensor nll(const Bijection& flow, const at::Tensor& x, at::Generator& generator) const;
  // [B, 3] nats: log-determinant (negative), diffusion, prior.
  at::Tensor bound(const Bijection& flow, const at::Tensor& x, at::Generator& generator) const;

  const DataSpec spec_;
  GaussianPath path_;
  StandardDiffusion diffusion_;
  bool likelihood_mode_ = true;  // else "fid"
  int64_t nll_rows_ = 0, bound_rows_ = 0, bound_draws_ = 0;
  Network network_;
  ImageFrame frame_;
  std::shared_ptr<Bijection> flow_;
  bool has_flow_ = false;  // false: the identity
  Moments moments_;        // of each channel
  at::Tensor grey_;        // [1], 1 where all training images are of 256 grey levels
};

void register_with(TrainerFactory& factory);

}  // namespace ornstein::nonlinear_flow
