#include "trainers/riemannian/score_losses.h"

#include "framework/spaces/divergence.h"
#include "framework/spaces/random_walk.h"

namespace ornstein::riemannian {

at::Tensor score_loss(ScoreLoss kind, const ForwardProcess& process, const ScoreFunction& score,
                      const at::Tensor& x0, const at::Tensor& tau, at::Generator& generator) {
  const Space& space = process.space;
  const Noised noised = process.noised(x0, tau, generator);
  if (kind == ScoreLoss::denoising || kind == ScoreLoss::varadhan) {
    const bool exact = kind == ScoreLoss::denoising && space.compact();
    const at::Tensor target = exact
                                  ? space.heat_kernel(noised.x, noised.from, noised.elapsed).score
                                  : space.log(noised.x, noised.from) / noised.elapsed.unsqueeze(1);
    return squared_norm(space, score(noised.x, tau) - target.to(x0.scalar_type()));
  }
  const VectorField field = [&](const at::Tensor& x) { return score(x, tau); };
  FieldWithDivergence s;
  if (kind == ScoreLoss::implicit) {
    s = exact_divergence(space, field, noised.x, Graph::kept);
  } else {
    s = hutchinson_divergence(space, field, noised.x, random_signs(space, x0, generator),
                              Graph::kept);
  }
  return squared_norm(space, s.value) + 2 * s.divergence;
}

}  // namespace ornstein::riemannian
