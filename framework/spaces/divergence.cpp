#include "framework/spaces/divergence.h"

namespace ornstein {
namespace {

// <direction, J direction> [b].
at::Tensor stretch(const Space& space, const at::Tensor& value, const at::Tensor& x,
                   const at::Tensor& direction, bool again, Graph graph) {
  const at::Tensor nothing = at::zeros({x.size(0)}, x.options());
  if (!value.requires_grad()) return nothing;
  const bool kept = graph == Graph::kept;
  const at::Tensor pulled =
      torch::autograd::grad({value}, {x}, {space.lowered(direction)}, again || kept, kept,
                            /*allow_unused=*/true)[0];
  return pulled.defined() ? (pulled * direction).sum(1) : nothing;
}

FieldWithDivergence result(const at::Tensor& value, const at::Tensor& divergence, Graph graph) {
  if (graph == Graph::kept) return {value, divergence};
  return {value.detach(), divergence.detach()};
}

}  // namespace

FieldWithDivergence exact_divergence(const Space& space, const VectorField& field,
                                     const at::Tensor& x, Graph graph) {
  const at::AutoGradMode with_gradients(true);
  const at::Tensor leaf = x.detach().requires_grad_();
  const at::Tensor value = field(leaf);
  const auto directions = space.frame(x.detach()).unbind(1);
  at::Tensor divergence = at::zeros({x.size(0)}, x.options());
  for (size_t i = 0; i < directions.size(); ++i)
    divergence =
        divergence + stretch(space, value, leaf, directions[i], i + 1 < directions.size(), graph);
  return result(value, divergence, graph);
}

FieldWithDivergence hutchinson_divergence(const Space& space, const VectorField& field,
                                          const at::Tensor& x, const at::Tensor& noise,
                                          Graph graph) {
  TORCH_CHECK(noise.dim() == 2 && noise.size(1) == space.noise_size(),
              "hutchinson_divergence wants noise [b, ", space.noise_size(), "], not ",
              noise.sizes());
  const at::AutoGradMode with_gradients(true);
  const at::Tensor leaf = x.detach().requires_grad_();
  const at::Tensor value = field(leaf);
  const at::Tensor direction = space.tangent_from(x.detach(), noise);
  return result(value, stretch(space, value, leaf, direction, false, graph), graph);
}

}  // namespace ornstein
