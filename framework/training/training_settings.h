// The `training` section, read once.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "framework/config/config_reader.h"

namespace ornstein {

// How one parameter group learns: `training` overlaid by `training.groups.<name>`.
struct GroupSettings {
  double learning_rate = 0;  // the largest; see learning_rate()
  int64_t warmup_steps = 0;  // linear ramp over so many updates
  int64_t decay_start = 0;   // inverse square root beyond so many updates; 0: never
  double gradient_clip = 0;  // largest norm of the group's gradient; 0: no clipping
  double beta1 = 0, beta2 = 0, epsilon = 0, weight_decay = 0;  // AdamW
};

// clang-format off
// | key           | default      | meaning                                                          |
// | steps         | 1000         | updates of the whole run                                         |
// | global_batch  | 64           | rows a step, over all ranks                                      |
// | micro_batch   | a quarter of global_batch if 4 divides it, else all | rows of a virtual shard   |
// | seed          | 0            |                                                                  |
// | precision     | "fp32"       | or "bf16": autocast of the loss; parameters stay fp32            |
// | max_skipped   | 10           | non-finite steps in a row until the run fails                    |
// | ema           | [0.1, 0.05]  | relative widths of power-function profiles (Karras et al. 2023)  |
// | groups        | {}           | {"name": {the group's own values of the keys below}}             |
// | learning_rate, warmup_steps, decay_start, gradient_clip | 1e-3, 100, 0, 1 | see GroupSettings   |
// | beta1, beta2, epsilon, weight_decay | 0.9, 0.999, 1e-8, 0 | AdamW                               |
// clang-format on
struct TrainingSettings {
  int64_t steps = 0, global_batch = 0, micro_batch = 0;
  uint64_t seed = 0;
  bool bf16 = false;
  int64_t max_skipped = 0;
  std::vector<double> ema;
  GroupSettings common;
  std::map<std::string, GroupSettings> groups;

  const GroupSettings& of(const std::string& group) const;
};

// Throws ConfigError, also when a group is named that `group_names` lacks or micro_batch does not
// divide global_batch.
TrainingSettings read_training_settings(const ConfigReader& training,
                                        const std::vector<std::string>& group_names);

// The rate of update n = 0, 1, ...: a function of n and the settings alone, never of `steps` (EDM2,
// Karras et al. 2023, eq. 67): learning_rate * min(1, (n+1)/warmup_steps) / sqrt(max(n/decay_start,
// 1)).
double learning_rate(const GroupSettings& settings, int64_t n);

}  // namespace ornstein
