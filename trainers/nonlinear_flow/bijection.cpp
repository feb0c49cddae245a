#include "trainers/nonlinear_flow/bijection.h"

namespace ornstein::nonlinear_flow {
namespace {

using WithoutAutocast = c10::impl::ExcludeDispatchKeyGuard;

void append(std::vector<NamedTensor>& all, const std::vector<NamedTensor>& own, size_t layer) {
  for (const auto& [name, tensor] : own) all.push_back({fmt::format("{}.{}", layer, name), tensor});
}

}  // namespace

Mapped Chain::forward(const at::Tensor& x, LogDet purpose, at::Generator& generator) const {
  const WithoutAutocast guard(c10::autocast_dispatch_keyset);
  Mapped whole{x, at::zeros({x.size(0)}, x.options())};
  for (const auto& layer : layers_) {
    const Mapped step = layer->forward(whole.z, purpose, generator);
    whole = {step.z, whole.log_det + step.log_det};
  }
  return whole;
}

at::Tensor Chain::inverse(const at::Tensor& z) const {
  const WithoutAutocast guard(c10::autocast_dispatch_keyset);
  at::Tensor x = z;
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) x = (*layer)->inverse(x);
  return x;
}

std::vector<NamedTensor> Chain::parameters() const {
  std::vector<NamedTensor> all;
  for (size_t i = 0; i < layers_.size(); ++i) append(all, layers_[i]->parameters(), i);
  return all;
}

std::vector<NamedTensor> Chain::state() const {
  std::vector<NamedTensor> all;
  for (size_t i = 0; i < layers_.size(); ++i) append(all, layers_[i]->state(), i);
  return all;
}

void Chain::refresh() {
  const WithoutAutocast guard(c10::autocast_dispatch_keyset);
  for (const auto& layer : layers_) layer->refresh();
}

void Chain::initialise(const at::Tensor& x) {
  const at::NoGradGuard no_gradients;
  const WithoutAutocast guard(c10::autocast_dispatch_keyset);
  at::Generator unused;
  at::Tensor seen = x;
  for (const auto& layer : layers_) {
    layer->initialise(seen);
    seen = layer->forward(seen, LogDet::none, unused).z;
  }
}

std::shared_ptr<const Bijection> Chain::settled() const {
  const WithoutAutocast guard(c10::autocast_dispatch_keyset);
  std::vector<std::shared_ptr<Bijection>> layers;
  for (const auto& layer : layers_)
    layers.push_back(std::const_pointer_cast<Bijection>(layer->settled()));
  return std::make_shared<const Chain>(std::move(layers));
}

Mapped Squeeze::forward(const at::Tensor& x, LogDet, at::Generator&) const {
  return {back_ ? at::pixel_shuffle(x, 2) : at::pixel_unshuffle(x, 2),
          at::zeros({x.size(0)}, x.options())};
}

at::Tensor Squeeze::inverse(const at::Tensor& z) const {
  return back_ ? at::pixel_unshuffle(z, 2) : at::pixel_shuffle(z, 2);
}

}  // namespace ornstein::nonlinear_flow
