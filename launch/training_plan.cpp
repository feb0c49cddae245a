#include "launch/training_plan.h"

#include <filesystem>

#include "framework/base/errors.h"
#include "framework/training/training_loop.h"

namespace ornstein {
namespace {

namespace fs = std::filesystem;

CheckpointSettings read_checkpoint_settings(const ConfigReader& section) {
  return {section.integer("every", 1000, 1), section.integer("keep_last", 3, 1),
          section.integer("keep_every", 0, 0)};
}

// What a resumed run may change freely.
bool may_change(const std::string& key, const TrainingPlan& plan) {
  if (key == "training.precision") return plan.precision_is_set;
  if (key == "training.steps") return true;
  // Where the data come from: their hash is compared.
  if (key.starts_with("dataset."))
    return key != "dataset.kind" && key != "dataset.validation_fraction";
  for (const char* section : {"output.", "checkpoint.", "runtime."}) {
    if (key.starts_with(section)) return true;
  }
  return false;
}

}  // namespace

TrainingPlan make_plan(std::unique_ptr<Configuration> configuration, const Runtime& runtime,
                       const TrainOptions& options, const Catalogue& catalogue, int ranks) {
  TrainingPlan plan;
  plan.configuration = std::move(configuration);
  const ConfigReader root = plan.configuration->root();
  plan.runtime = runtime;
  plan.output = read_output(root.section("output"));
  plan.checkpoint = read_checkpoint_settings(root.section("checkpoint"));
  plan.data = open_data(root.section("dataset"), fs::path(options.config).parent_path(),
                        catalogue.datasets);
  if (!plan.data.splits.train)
    throw DataError("dataset.path: no training rows (`split` is 0 nowhere) give some");
  const auto seed = static_cast<uint64_t>(root.section("training").integer("seed", 0, 0));
  try {
    plan.trainer = make_trainer(root, plan.data.spec, seed, catalogue.trainers);
  } catch (
      const c10::Error& error) {  // sizes that LibTorch refuses, or that do not fit into memory
    throw ConfigError(fmt::format("{}: trainer or network cannot be made ({}) look at their sizes",
                                  options.config, message_of(error)));
  }
  if (plan.runtime.cuda_graph && !plan.trainer->replayable())
    throw ConfigError(
        fmt::format("runtime.cuda_graph: {} as configured cannot be replayed (a step's work "
                    "depends on its data, "
                    "or is done on the host in part) leave it out",
                    root.section("trainer").text("name", std::nullopt)));
  plan.groups = plan.trainer->parameters();
  std::vector<std::string> names;
  for (const auto& group : plan.groups) names.push_back(group.name);
  plan.training = read_training_settings(root.section("training"), names);
  const ConfigReader start_from = root.section("start_from");
  for (const auto& group : start_from.keys()) {
    if (std::find(names.begin(), names.end(), group) == names.end()) {
      start_from.fail(group, "names no parameter group" + did_you_mean(group, names));
    }
    plan.start_from[group] = start_from.text(group, std::nullopt);
  }
  plan.precision_is_set = root.section("training").has("precision");
  plan.configuration->refuse_unknown_keys();
  require_a_shard_a_rank(plan.training, ranks);
  plan.resolved = plan.configuration->resolved();
  return plan;
}

void require_same_data(const Checkpoint& checkpoint, const TrainingPlan& plan) {
  const std::string stored = data_spec_from_json(checkpoint.data_spec).content_hash;
  if (stored == plan.data.spec.content_hash) return;
  throw ConfigError(
      fmt::format("dataset.path: other data than this run was trained on (content hash {}, was {}) "
                  "give the same data, or choose another --out",
                  plan.data.spec.content_hash, stored));
}

void print_plan(const TrainingPlan& plan) {
  int64_t parameters = 0;
  for (const auto& group : plan.groups) {
    for (const auto& [name, tensor] : group.parameters) parameters += tensor.numel();
  }
  const auto profiles = static_cast<int64_t>(plan.training.ema.size());
  fmt::print("{}", plan.resolved);
  fmt::print(
      "parameters {} in {} groups\nmemory {:.1f} MB a rank for parameters, gradients, moments and "
      "EMA\n"
      "reduced {:.1f} MB a step\n",
      parameters, plan.groups.size(), static_cast<double>(parameters * (16 + 4 * profiles)) / 1e6,
      static_cast<double>(parameters * 4) / 1e6);
}

void require_same_run(const std::string& stored, const TrainingPlan& plan,
                      const std::string& directory) {
  std::vector<std::string> differing;
  for (const auto& key : differing_keys(stored, plan.resolved)) {
    if (!may_change(key, plan)) differing.push_back(key);
  }
  if (differing.empty()) return;
  throw ConfigError(fmt::format(
      "{}: another configuration started this run (differing: {}) set these keys back, or "
      "choose another --out",
      directory, fmt::join(differing, ", ")));
}

void require_sources(const TrainingPlan& plan) {
  for (const auto& group : plan.groups) {
    const auto found = plan.start_from.find(group.name);
    if (found == plan.start_from.end()) continue;
    try {
      load_group(group, read_checkpoint(checkpoint_file_of(found->second)));
    } catch (const CheckpointError& error) {
      throw ConfigError(fmt::format("start_from.{}: {} does not fit: {}", group.name, found->second,
                                    error.what()));
    }
  }
}

}  // namespace ornstein
