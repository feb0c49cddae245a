#include "framework/training/flat_group.h"

#include <set>

#include "framework/training/ema.h"

namespace ornstein {
namespace {

constexpr int64_t kAlignment = 64;  // bytes: a cache line, and what AVX-512 loads like

}  // namespace

FlatGroup::FlatGroup(const ParameterGroup& group, const GroupSettings& settings,
                     const std::vector<double>& ema_widths, const at::Device& device)
    : name(group.name), parameters(group.parameters), settings_(settings) {
  TORCH_CHECK(!parameters.empty(), "parameter group '", name, "' is empty");
  const auto type = parameters[0].tensor.scalar_type();
  const int64_t step = kAlignment / static_cast<int64_t>(c10::elementSize(type));
  int64_t elements = 0;
  std::set<const c10::TensorImpl*> seen;
  for (const auto& [parameter, tensor] : parameters) {
    TORCH_CHECK(tensor.scalar_type() == type && at::isFloatingType(type), "group '", name,
                "': ", parameter, " is ", tensor.scalar_type(), ", the group is ", type,
                " (one real type a group; complex weights as [..., 2])");
    TORCH_CHECK(seen.insert(tensor.unsafeGetTensorImpl()).second, "group '", name, "': ", parameter,
                " is there twice");
    offsets.push_back(elements);
    elements += (tensor.numel() + step - 1) / step * step;
  }
  for (double width : ema_widths) gammas_.push_back(ema_gamma(width));

  at::NoGradGuard no_grad;
  const auto options = at::TensorOptions().dtype(type).device(device);
  flat = at::zeros({elements}, options);
  gradients = at::zeros({elements}, options);
  step_count_ = at::zeros({}, options.dtype(at::kFloat));
  const auto values = views(flat), grads = views(gradients);
  for (size_t i = 0; i < parameters.size(); ++i) {
    at::Tensor& tensor = parameters[i].tensor;
    values[i].tensor.copy_(tensor);
    tensor.set_data(values[i].tensor);
    tensor.requires_grad_(true);
    tensor.mutable_grad() = grads[i].tensor;
  }
  restart();
}

void FlatGroup::restart() {
  updates = 0;
  if (!exp_avg.defined()) {
    exp_avg = at::zeros_like(flat);
    exp_avg_sq = at::zeros_like(flat);
    for (size_t i = 0; i < gammas_.size(); ++i) ema.push_back(flat.clone());
    return;
  }
  exp_avg.zero_();
  exp_avg_sq.zero_();
  for (auto& average : ema) average.copy_(flat);
}

void FlatGroup::update(double scale) {
  at::NoGradGuard no_grad;
  gradients.mul_(scale);
  last_learning_rate = learning_rate(settings_, updates);
  ++updates;
  step_count_.fill_(static_cast<double>(updates));
  at::_fused_adamw_({flat}, {gradients}, {exp_avg}, {exp_avg_sq}, {}, {step_count_},
                    last_learning_rate, settings_.beta1, settings_.beta2, settings_.weight_decay,
                    settings_.epsilon, /*amsgrad=*/false,
                    /*maximize=*/false);
  for (size_t i = 0; i < ema.size(); ++i) ema[i].lerp_(flat, 1 - ema_beta(gammas_[i], updates));
}

void FlatGroup::set_trainable(bool trainable) {
  for (auto& [parameter, tensor] : parameters) tensor.requires_grad_(trainable);
}

std::vector<NamedTensor> FlatGroup::views(const at::Tensor& buffer) const {
  std::vector<NamedTensor> result;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const auto& [parameter, tensor] = parameters[i];
    result.push_back(
        {parameter, buffer.narrow(0, offsets[i], tensor.numel()).view(tensor.sizes())});
  }
  return result;
}

}  // namespace ornstein
