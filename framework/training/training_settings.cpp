#include "framework/training/training_settings.h"

#include <set>

#include "framework/config/did_you_mean.h"

namespace ornstein {
namespace {

GroupSettings read_group(const ConfigReader& section, const GroupSettings& fallback) {
  GroupSettings group;
  group.learning_rate = section.number("learning_rate", fallback.learning_rate, 0);
  group.warmup_steps = section.integer("warmup_steps", fallback.warmup_steps, 0);
  group.decay_start = section.integer("decay_start", fallback.decay_start, 0);
  group.gradient_clip = section.number("gradient_clip", fallback.gradient_clip, 0);
  group.beta1 = section.number("beta1", fallback.beta1, 0, 1);
  group.beta2 = section.number("beta2", fallback.beta2, 0, 1);
  group.epsilon = section.number("epsilon", fallback.epsilon, 0);
  group.weight_decay = section.number("weight_decay", fallback.weight_decay, 0);
  return group;
}

}  // namespace

const GroupSettings& TrainingSettings::of(const std::string& group) const {
  const auto found = groups.find(group);
  return found == groups.end() ? common : found->second;
}

TrainingSettings read_training_settings(const ConfigReader& training,
                                        const std::vector<std::string>& group_names) {
  TrainingSettings settings;
  settings.steps = training.integer("steps", 1000, 0);
  settings.global_batch = training.integer("global_batch", 64, 1);
  const int64_t shards = settings.global_batch % 4 == 0 ? 4 : 1;
  settings.micro_batch = training.integer("micro_batch", settings.global_batch / shards, 1);
  if (settings.global_batch % settings.micro_batch != 0) {
    training.fail("micro_batch", fmt::format("is {} (must divide training.global_batch = {})",
                                             settings.micro_batch, settings.global_batch));
  }
  settings.seed = static_cast<uint64_t>(training.integer("seed", 0, 0));
  settings.bf16 = training.choice("precision", "fp32", {"fp32", "bf16"}) == "bf16";
  settings.max_skipped = training.integer("max_skipped", 10, 0);
  settings.ema = training.numbers("ema", std::vector<double>{0.1, 0.05});
  for (double width : settings.ema) {
    // Beyond 1/sqrt(12), the width of a uniform average, no power function has that width (Karras
    // et al. 2023, eq. 126).
    if (!(width > 0 && width < 0.28))
      training.fail("ema", fmt::format("holds {} (widths lie in (0, 0.28))", width));
  }
  if (std::set<double>(settings.ema.begin(), settings.ema.end()).size() != settings.ema.size()) {
    training.fail("ema", "names a width twice");
  }
  settings.common = read_group(training, {1e-3, 100, 0, 1.0, 0.9, 0.999, 1e-8, 0.0});
  const ConfigReader groups = training.section("groups");
  for (const auto& name : groups.keys()) {
    if (std::find(group_names.begin(), group_names.end(), name) == group_names.end()) {
      groups.fail(name, "names no parameter group" + did_you_mean(name, group_names));
    }
    settings.groups[name] = read_group(groups.section(name), settings.common);
  }
  return settings;
}

double learning_rate(const GroupSettings& settings, int64_t n) {
  double rate = settings.learning_rate;
  if (settings.warmup_steps > 0)
    rate *= std::min(1.0, (n + 1.0) / static_cast<double>(settings.warmup_steps));
  if (settings.decay_start > 0) {
    rate /= std::sqrt(
        std::max(static_cast<double>(n) / static_cast<double>(settings.decay_start), 1.0));
  }
  return rate;
}

}  // namespace ornstein
