#include "framework/math/divergence.h"

namespace ornstein {
namespace {

// direction^T df/dx for each row. A field that ignores x has zero derivative.
at::Tensor pulled_back(const at::Tensor& value, const at::Tensor& x, const at::Tensor& direction,
                       bool keep_graph) {
  if (!value.requires_grad()) return at::zeros_like(x);
  const auto gradient = torch::autograd::grad({value}, {x}, {direction}, keep_graph,
                                              /*create_graph=*/false, /*allow_unused=*/true)[0];
  return gradient.defined() ? gradient : at::zeros_like(x);
}

}  // namespace

FieldWithDivergence exact_divergence(const VectorField& field, const at::Tensor& x) {
  const at::AutoGradMode with_gradients(true);
  const at::Tensor leaf = x.detach().requires_grad_();
  const at::Tensor value = field(leaf);
  const int64_t dimensions = x[0].numel();
  at::Tensor divergence = at::zeros({x.size(0)}, x.options());
  at::Tensor direction = at::zeros_like(x).flatten(1);
  for (int64_t i = 0; i < dimensions; ++i) {
    direction.zero_().select(1, i).fill_(1);
    divergence +=
        pulled_back(value, leaf, direction.view_as(x), i + 1 < dimensions).flatten(1).select(1, i);
  }
  return {value.detach(), divergence};
}

FieldWithDivergence hutchinson_divergence(const VectorField& field, const at::Tensor& x,
                                          const at::Tensor& probe) {
  TORCH_CHECK(probe.sizes() == x.sizes(), "hutchinson_divergence: probe ", probe.sizes(),
              " is not of x's shape ", x.sizes());
  const at::AutoGradMode with_gradients(true);
  const at::Tensor leaf = x.detach().requires_grad_();
  const at::Tensor value = field(leaf);
  const at::Tensor product = pulled_back(value, leaf, probe, false) * probe;
  return {value.detach(), product.flatten(1).sum(1)};
}

}  // namespace ornstein
