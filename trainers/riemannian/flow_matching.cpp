#include "trainers/riemannian/flow_matching.h"

namespace ornstein::riemannian {

at::Tensor flow_matching_loss(const Space& space, const VelocityFunction& velocity,
                              const at::Tensor& x, const at::Tensor& t, at::Generator& generator) {
  at::Tensor between, target;
  {
    const at::NoGradGuard no_gradients;
    const at::Tensor noise = space.reference_sample(x.size(0), generator, x.options());
    const at::Tensor way = space.log(x, noise);
    between = space.exp(x, t.unsqueeze(1) * way);
    target = space.transport(x, between, way);
  }
  return squared_norm(space, velocity(between, t) - target);
}

}  // namespace ornstein::riemannian
