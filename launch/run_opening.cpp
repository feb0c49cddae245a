#include "launch/run_opening.h"

#include <filesystem>

#include "framework/base/errors.h"
#include "framework/base/host_name.h"
#include "framework/base/log.h"
#include "framework/config/json_line.h"
#include "framework/training/metrics_file.h"
#include "launch/signals.h"
#include "launch/versions.h"

namespace ornstein {

namespace fs = std::filesystem;

std::optional<Checkpoint> open_directory(RunDirectory& directory, CheckpointDirectory& checkpoints,
                                         const TrainingPlan& plan, const TrainOptions& options) {
  const auto refuse_unasked = [&] {
    std::error_code ignored;
    const bool holds_run =
        directory.holds_run() ||
        (fs::is_directory(directory.checkpoints(), ignored) && !checkpoints.fresh());
    if (!holds_run || options.resume || options.overwrite) return;
    throw ConfigError(fmt::format(
        "{}: already holds a run (nothing is overwritten unasked) add --resume to go on, "
        "--overwrite to begin anew, or choose another --out",
        directory.path()));
  };
  refuse_unasked();
  if (directory.holds_run() && options.resume) {
    require_same_run(directory.read_config(), plan, directory.path());
  }
  if (!options.resume) require_sources(plan);
  directory.open_for_writing(stop_requested);
  refuse_unasked();  // another run may have come and gone while this one waited for the lock
  if (options.overwrite) directory.remove_run();
  std::optional<Checkpoint> checkpoint;
  if (const auto newest = checkpoints.newest_good()) {
    checkpoint = read_checkpoint(*newest);
    require_same_run(checkpoint->config, plan, directory.path());
    if (text_in_json(checkpoint->config, "training.precision") !=
        text_in_json(plan.resolved, "training.precision")) {
      log_info("training.precision changed: from here on the run is no longer bit-equal");
    }
    require_same_data(*checkpoint, plan);
  }
  if (checkpoint && checkpoint->step >= plan.training.steps) return checkpoint;
  if (!checkpoint && options.resume) require_sources(plan);
  directory.write_config(plan.resolved);
  return checkpoint;
}

std::optional<Checkpoint> before_step(int64_t number, const RunDirectory& directory,
                                      const CheckpointDirectory& checkpoints,
                                      const TrainingPlan& plan) {
  if (!directory.holds_run())
    throw ConfigError(fmt::format("--replay: {} holds no run (nothing to look into) give its --out",
                                  directory.path()));
  require_same_run(directory.read_config(), plan, directory.path());
  if (number > plan.training.steps) {
    throw ConfigError(
        fmt::format("--replay {}: the run has {} steps (training.steps) give one of them", number,
                    plan.training.steps));
  }
  std::optional<Checkpoint> checkpoint;
  if (const auto path = checkpoints.good_up_to(number - 1)) {
    checkpoint = read_checkpoint(*path);
    require_same_data(*checkpoint, plan);
  }
  log_info(fmt::format("replaying step {} from {}", number,
                       checkpoint ? fmt::format("step {}", checkpoint->step) : "the beginning"));
  return checkpoint;
}

void write_provenance(const RunDirectory& directory, int ranks, int64_t step) {
  const char* restarts = std::getenv("SLURM_RESTART_COUNT");
  append_line(directory.provenance(),
              JsonLine()
                  .add("time", utc_now())
                  .add("host", host_name())
                  .add("launcher", launcher_name())
                  .add("ranks", int64_t{ranks})
                  .add("step", step)
                  .add("restarts", int64_t{restarts ? std::atoi(restarts) : 0})
                  .add("versions", versions())
                  .text());
}

}  // namespace ornstein
