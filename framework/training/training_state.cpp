#include "framework/training/training_state.h"

#include <unordered_map>

#include "framework/base/errors.h"
#include "framework/training/ema.h"

namespace ornstein {
namespace {

// Copies stored tensors into live ones, path by path.
class Stored {
 public:
  explicit Stored(const Checkpoint& checkpoint) {
    for (const auto& [path, tensor] : checkpoint.tensors) by_path_[path] = tensor;
  }

  void copy_into(const std::string& path, at::Tensor live) const {
    const auto found = by_path_.find(path);
    if (found == by_path_.end()) {
      throw CheckpointError(fmt::format(
          "{} is not in the checkpoint (it was written by another configuration)", path));
    }
    const at::Tensor& stored = found->second;
    if (stored.sizes() != live.sizes() || stored.scalar_type() != live.scalar_type()) {
      throw CheckpointError(
          fmt::format("{} is {} {} in the checkpoint (this configuration makes it {} {})", path,
                      c10::toString(stored.scalar_type()), fmt::join(stored.sizes(), "x"),
                      c10::toString(live.scalar_type()), fmt::join(live.sizes(), "x")));
    }
    at::NoGradGuard no_grad;
    live.detach().copy_(stored);
  }

  size_t size() const { return by_path_.size(); }

 private:
  std::unordered_map<std::string, at::Tensor> by_path_;
};

std::string parameter_path(const std::string& group, const std::string& name) {
  return "/trainer/" + group + "/" + name;
}

std::string ema_path(const std::string& width, const std::string& group, const std::string& name) {
  return "/ema/" + width + "/" + group + "/" + name;
}

std::string state_path(const std::string& name) { return "/state/" + name; }

}  // namespace

TrainingState::TrainingState(Trainer& trainer, std::vector<ParameterGroup> parameter_groups,
                             const TrainingSettings& settings, const at::Device& device)
    : trainer_(trainer), settings_(settings) {
  for (const auto& group : parameter_groups) {
    groups.push_back(
        std::make_unique<FlatGroup>(group, settings.of(group.name), settings.ema, device));
  }
  for (auto& [name, tensor] : trainer.state()) tensor.set_data(tensor.to(device));
}

std::vector<NamedTensor> TrainingState::all_tensors() const {
  std::vector<NamedTensor> tensors;
  for (const auto& group : groups) {
    auto add = [&](const at::Tensor& buffer, auto path) {
      for (auto& [name, view] : group->views(buffer)) tensors.push_back({path(name), view});
    };
    add(group->flat, [&](const std::string& name) { return parameter_path(group->name, name); });
    add(group->exp_avg, [&](const std::string& name) {
      return "/optimizer/" + group->name + "/" + name + "/exp_avg";
    });
    add(group->exp_avg_sq, [&](const std::string& name) {
      return "/optimizer/" + group->name + "/" + name + "/exp_avg_sq";
    });
    for (size_t i = 0; i < group->ema.size(); ++i) {
      add(group->ema[i], [&](const std::string& name) {
        return ema_path(ema_name(settings_.ema[i]), group->name, name);
      });
    }
  }
  for (auto& [name, tensor] : trainer_.state()) tensors.push_back({state_path(name), tensor});
  return tensors;
}

Checkpoint TrainingState::checkpoint(const std::string& config,
                                     const std::string& data_spec) const {
  Checkpoint checkpoint;
  checkpoint.config = config;
  checkpoint.data_spec = data_spec;
  checkpoint.step = step;
  checkpoint.samples = samples;
  checkpoint.seed = settings_.seed;
  for (const auto& group : groups) checkpoint.updates.emplace_back(group->name, group->updates);
  checkpoint.tensors = all_tensors();
  return checkpoint;
}

void TrainingState::restore(const Checkpoint& checkpoint) {
  const Stored stored(checkpoint);
  const auto live = all_tensors();
  for (const auto& [path, tensor] : live) stored.copy_into(path, tensor);
  if (stored.size() != live.size()) {
    throw CheckpointError(fmt::format("the checkpoint holds {} tensors (this configuration has {})",
                                      stored.size(), live.size()));
  }
  step = checkpoint.step;
  samples = checkpoint.samples;
  for (auto& group : groups) {
    for (const auto& [name, updates] : checkpoint.updates) {
      if (name == group->name) group->updates = updates;
    }
  }
}

void TrainingState::broadcast(const ProcessGroup& process_group) {
  at::NoGradGuard no_grad;
  at::Tensor counters = at::tensor({step, samples}, at::kLong);
  ornstein::broadcast(process_group, counters);
  step = counters[0].item<int64_t>();
  samples = counters[1].item<int64_t>();
  for (auto& group : groups) {
    at::Tensor updates = at::tensor({group->updates}, at::kLong);
    ornstein::broadcast(process_group, updates);
    group->updates = updates.item<int64_t>();
    for (at::Tensor buffer : {group->flat, group->exp_avg, group->exp_avg_sq}) {
      ornstein::broadcast(process_group, buffer);
    }
    for (at::Tensor& average : group->ema) ornstein::broadcast(process_group, average);
  }
  for (auto& [name, tensor] : trainer_.state()) {
    if (tensor.numel() > 0) ornstein::broadcast(process_group, tensor);
  }
}

void TrainingState::require_equal_over_ranks(const ProcessGroup& process_group) const {
  for (const auto& group : groups) {
    require_same(process_group, "parameter group '" + group->name + "'", hash_of(group->flat));
  }
  for (const auto& [name, tensor] : trainer_.state()) {
    require_same(process_group, "state tensor '" + name + "'", hash_of(tensor));
  }
}

void load_for_inference(Trainer& trainer, const Checkpoint& checkpoint, const std::string& ema,
                        const at::Device& device) {
  const Stored stored(checkpoint);
  for (auto& group : trainer.parameters()) {
    for (auto& [name, tensor] : group.parameters) {
      stored.copy_into(
          ema == "none" ? parameter_path(group.name, name) : ema_path(ema, group.name, name),
          tensor);
      tensor.set_data(tensor.to(device));
      tensor.requires_grad_(false);
    }
  }
  for (auto& [name, tensor] : trainer.state()) {
    stored.copy_into(state_path(name), tensor);
    tensor.set_data(tensor.to(device));
  }
}

std::vector<std::string> ema_profiles_of(const Checkpoint& checkpoint) {
  std::vector<std::string> profiles;
  const auto configuration = Configuration::from_text(checkpoint.config, "checkpoint");
  for (const double width :
       configuration->root().section("training").numbers("ema", std::vector<double>{})) {
    profiles.push_back(ema_name(width));
  }
  return profiles;
}

void load_group(const ParameterGroup& group, const Checkpoint& checkpoint) {
  const Stored stored(checkpoint);
  const auto profiles = ema_profiles_of(checkpoint);
  for (const auto& [name, tensor] : group.parameters) {
    stored.copy_into(profiles.empty() ? parameter_path(group.name, name)
                                      : ema_path(profiles[0], group.name, name),
                     tensor);
  }
}

}  // namespace ornstein
