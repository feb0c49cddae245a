// `ornstein join`: one run of stages that were trained as separate jobs. Every parameter group
// (parameters, moments, EMA, update count) comes from the run that updated it; all else must be
// equal.
#include "framework/base/errors.h"
#include "framework/base/log.h"
#include "framework/checkpoint/checkpoint_directory.h"
#include "framework/training/run_directory.h"
#include "launch/commands.h"
#include "launch/run_parts.h"

namespace ornstein {
namespace {

struct Part {
  std::string run;
  Checkpoint checkpoint;
};

bool may_differ(const std::string& key) {
  if (key == "trainer.stages" || key == "training.steps" || key == "dataset.path") return true;
  for (const char* section : {"output.", "checkpoint.", "runtime.", "start_from."})
    if (key.starts_with(section)) return true;
  return false;
}

void require_alike(const Part& part, const Part& first) {
  std::vector<std::string> differing;
  for (const auto& key : differing_keys(first.checkpoint.config, part.checkpoint.config))
    if (!may_differ(key)) differing.push_back(key);
  if (!differing.empty())
    throw ConfigError(
        fmt::format("{}: configured otherwise than {} (differing: {}) join runs of one "
                    "configuration",
                    part.run, first.run, fmt::join(differing, ", ")));
  if (part.checkpoint.data_spec != first.checkpoint.data_spec)
    throw ConfigError(
        fmt::format("{}: trained on other data than {} (data_spec differs) join runs "
                    "on the same data",
                    part.run, first.run));
}

// The part whose run updated this group.
const Part& owner_of(const std::string& group, const std::vector<Part>& parts) {
  const Part* owner = nullptr;
  for (const Part& part : parts) {
    for (const auto& [name, updates] : part.checkpoint.updates) {
      if (name != group || updates == 0) continue;
      if (owner)
        throw ConfigError(
            fmt::format("{}: trained by {} and by {} (one must give it) leave one of "
                        "the runs out",
                        group, owner->run, part.run));
      owner = &part;
    }
  }
  if (!owner)
    throw ConfigError(
        fmt::format("{}: trained by none of the runs (a stage is missing) name the run "
                    "that trained it",
                    group));
  return *owner;
}

// "/trainer/G/...", "/optimizer/G/...", "/ema/WIDTH/G/..."; empty for "/state/...".
std::string group_of(const std::string& path) {
  if (path.starts_with("/state/")) return "";
  size_t first = path.find('/', 1) + 1;
  if (path.starts_with("/ema/")) first = path.find('/', first) + 1;
  return path.substr(first, path.find('/', first) - first);
}

const at::Tensor& tensor_in(const Part& part, const std::string& name) {
  for (const NamedTensor& t : part.checkpoint.tensors)
    if (t.name == name) return t.tensor;
  throw ConfigError(fmt::format("{}: has no {} (another version wrote it) join runs of one version",
                                part.run, name));
}

}  // namespace

int join(const JoinOptions& options, const Catalogue& catalogue) {
  std::vector<Part> parts;
  for (const auto& run : options.runs)
    parts.push_back({run, read_checkpoint(checkpoint_file_of(run))});
  for (const Part& part : parts) require_alike(part, parts.front());

  Checkpoint joined = parts.front().checkpoint;
  const auto configuration = Configuration::from_text(joined.config, parts.front().run);
  if (!configuration->root().section("trainer").has("stages"))
    throw ConfigError(fmt::format("{}: its method has no stages (trainer.stages) nothing to join",
                                  parts.front().run));
  for (auto& [group, updates] : joined.updates) {
    const Part& owner = owner_of(group, parts);
    for (const auto& [name, count] : owner.checkpoint.updates)
      if (name == group) updates = count;
    joined.step = std::max(joined.step, owner.checkpoint.step);
    joined.samples = std::max(joined.samples, owner.checkpoint.samples);
  }
  for (NamedTensor& t : joined.tensors) {
    const std::string group = group_of(t.name);
    if (!group.empty()) {
      t.tensor = tensor_in(owner_of(group, parts), t.name);
      continue;
    }
    for (const Part& part : parts)
      if (!tensor_in(part, t.name).equal(t.tensor))
        throw ConfigError(
            fmt::format("{}: {} differs from {}'s (the stages would not fit together) "
                        "train them on the same data, from one configuration",
                        part.run, t.name, parts.front().run));
  }
  std::vector<std::string> stages;  // in the method's own order, as its default lists them
  for (const ParameterGroup& group :
       make_trainer(configuration->root(), data_spec_from_json(joined.data_spec), joined.seed,
                    catalogue.trainers)
           ->parameters())
    stages.push_back(group.name);
  const std::string all = fmt::format("trainer.stages=[\"{}\"]", fmt::join(stages, "\",\""));
  joined.config = Configuration::from_text(joined.config, parts.front().run, {all})->given();

  RunDirectory directory(options.out);
  CheckpointDirectory checkpoints(directory.checkpoints(), 1, 0);
  directory.open_for_writing([] { return false; });
  if (directory.holds_run() || !checkpoints.fresh())
    throw ConfigError(
        fmt::format("{}: already holds a run (nothing is overwritten) choose another "
                    "--out",
                    options.out));
  directory.write_config(joined.config);
  checkpoints.write(joined);
  log_info(fmt::format("{}: {} joined from {} runs, at step {}", options.out,
                       fmt::join(stages, ", "), parts.size(), joined.step));
  return kDone;
}

}  // namespace ornstein
