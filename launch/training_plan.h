// What `ornstein train` will do: the configuration read, checked and built, and compared with what
// a run's directory holds.
#pragma once

#include <map>

#include "framework/training/training_settings.h"
#include "launch/run_parts.h"

namespace ornstein {

struct CheckpointSettings {
  int64_t every = 0, keep_last = 0, keep_every = 0;
};

// All that a configuration says, read, checked and built; nothing has been written yet.
struct TrainingPlan {
  std::unique_ptr<Configuration> configuration;
  std::string resolved;
  OpenedData data;
  std::unique_ptr<Trainer> trainer;
  std::vector<ParameterGroup> groups;
  TrainingSettings training;
  CheckpointSettings checkpoint;
  OutputSettings output;
  std::map<std::string, std::string> start_from;  // group -> run or checkpoint
  bool precision_is_set = false;                  // in the configuration or by --set
  Runtime runtime;
};

// `configuration` as read from the file and --set, `runtime` as read from it.
TrainingPlan make_plan(std::unique_ptr<Configuration> configuration, const Runtime& runtime,
                       const TrainOptions& options, const Catalogue& catalogue, int ranks);

void print_plan(const TrainingPlan& plan);  // for --dry-run

// ConfigError with the differing keys unless the resolved configuration `stored` is of the same
// run.
void require_same_run(const std::string& stored, const TrainingPlan& plan,
                      const std::string& directory);

// ConfigError unless the data are those that `checkpoint` was trained on.
void require_same_data(const Checkpoint& checkpoint, const TrainingPlan& plan);

// First values from other runs, tried before anything is written: ConfigError unless they fit.
void require_sources(const TrainingPlan& plan);

}  // namespace ornstein
