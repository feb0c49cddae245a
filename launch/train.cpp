// `ornstein train`: wires the parts, in order.
#include <chrono>
#include <filesystem>

#include "framework/base/errors.h"
#include "framework/base/host_name.h"
#include "framework/base/log.h"
#include "framework/checkpoint/checkpoint_directory.h"
#include "framework/comm/abort_job.h"
#include "framework/training/event_file.h"
#include "framework/training/metrics_file.h"
#include "framework/training/metrics_window.h"
#include "framework/training/parallel_rows.h"
#include "framework/training/progress.h"
#include "framework/training/run_directory.h"
#include "framework/training/sampling.h"
#include "framework/training/training_loop.h"
#include "launch/commands.h"
#include "launch/mpi_session.h"
#include "launch/run_parts.h"
#include "launch/signals.h"
#include "launch/versions.h"

namespace ornstein {
namespace {

namespace fs = std::filesystem;

struct CheckpointSettings {
  int64_t every = 0, keep_last = 0, keep_every = 0;
};

CheckpointSettings read_checkpoint_settings(const ConfigReader& section) {
  return {section.integer("every", 1000, 1), section.integer("keep_last", 3, 1),
          section.integer("keep_every", 0, 0)};
}

// All that a configuration says, read, checked and built; nothing has been written yet.
struct Plan {
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
  at::Device device = at::kCPU;
};

Plan make_plan(const TrainOptions& options, const Catalogue& catalogue, int ranks) {
  Plan plan;
  plan.configuration = Configuration::from_file(options.config, options.settings);
  const ConfigReader root = plan.configuration->root();
  plan.device = read_runtime(root.section("runtime"));
  plan.output = read_output(root.section("output"));
  plan.checkpoint = read_checkpoint_settings(root.section("checkpoint"));
  plan.data = open_data(root.section("dataset"), fs::path(options.config).parent_path(),
                        catalogue.datasets);
  const auto seed = static_cast<uint64_t>(root.section("training").integer("seed", 0, 0));
  try {
    plan.trainer = make_trainer(root, plan.data.spec, seed, catalogue.trainers);
  } catch (
      const c10::Error& error) {  // sizes that LibTorch refuses, or that do not fit into memory
    throw ConfigError(fmt::format("{}: trainer or network cannot be made ({}) look at their sizes",
                                  options.config, message_of(error)));
  }
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

void print_plan(const Plan& plan) {
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

// What a resumed run may change freely.
bool may_change(const std::string& key, const Plan& plan) {
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

void require_same_run(const std::string& stored, const Plan& plan, const std::string& directory) {
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

// First values from other runs, tried before anything is written.
void require_sources(const Plan& plan) {
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

// Rank 0: settles whether the run starts or goes on, and takes the directory. Returns the
// checkpoint to go on from.
std::optional<Checkpoint> open_directory(RunDirectory& directory, CheckpointDirectory& checkpoints,
                                         const Plan& plan, const TrainOptions& options) {
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
  directory.open_for_writing();
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
    const std::string stored = data_spec_from_json(checkpoint->data_spec).content_hash;
    if (stored != plan.data.spec.content_hash) {
      throw ConfigError(fmt::format(
          "dataset.path: other data than this run was trained on (content hash {}, was {}) "
          "give the same data, or choose another --out",
          plan.data.spec.content_hash, stored));
    }
  }
  if (checkpoint && checkpoint->step >= plan.training.steps) return checkpoint;
  if (!checkpoint && options.resume) require_sources(plan);
  directory.write_config(plan.resolved);
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

class Run {
 public:
  Run(Plan& plan, RunDirectory& directory, CheckpointDirectory& checkpoints,
      const ProcessGroup& group)
      : plan_(plan),
        directory_(directory),
        checkpoints_(checkpoints),
        group_(group),
        state_(*plan.trainer, plan.groups, plan.training, plan.device),
        first_(rank(group) == 0) {}

  // `checkpoint` counts on rank 0. True if the run goes on from it.
  bool fit_or_restore(const std::optional<Checkpoint>& checkpoint) {
    at::Tensor resumes = at::tensor({checkpoint ? 1 : 0}, at::kLong);
    broadcast(group_, resumes);
    const bool resumed = resumes.item<int64_t>() != 0;
    if (checkpoint) state_.restore(*checkpoint);
    if (!resumed) {
      const at::NoGradGuard no_grad;
      plan_.trainer->fit(*plan_.data.splits.train,
                         make_parallel_rows(group_, plan_.training.seed, plan_.device));
      start_groups();
    }
    state_.broadcast(group_);
    return resumed;
  }

  int64_t step() const { return state_.step; }

  int go() {
    const int64_t steps = plan_.training.steps;
    TrainingLoop loop(*plan_.trainer, state_, plan_.data.splits.train, plan_.training, group_,
                      plan_.device);
    std::optional<EventFile> events;
    if (first_) {
      metrics_.emplace(directory_.metrics(), state_.step);
      events.emplace(directory_.path(), state_.step);
    }
    Progress progress(state_.step, steps, plan_.training.global_batch);
    MetricsWindow window;
    auto logged = std::chrono::steady_clock::now();
    int64_t logged_step = state_.step;
    while (state_.step < steps) {
      const StepReport report = loop.step(stop_requested);
      window.add(report);
      if (report.skipped) {
        progress.finish();
        log_info(
            fmt::format("step {} was skipped (the loss or a gradient is inf or NaN)", state_.step));
      }
      if (first_) progress.show(state_.step, report.loss);
      const bool ends = state_.step == steps, stops = report.stop_requested && !ends;
      if (first_ && (ends || state_.step % plan_.output.log_every == 0)) {
        const auto now = std::chrono::steady_clock::now();
        const double rate =
            static_cast<double>((state_.step - logged_step) * plan_.training.global_batch) /
            std::chrono::duration<double>(now - logged).count();
        std::map<std::string, double> scalars;
        metrics_->write(window.line(state_.step, state_.samples, rate, scalars));
        events->scalars(state_.step, scalars);
        window = {};
        logged = now;
        logged_step = state_.step;
      }
      // After the line of this step: a killed run that goes on from here has logged it.
      if (ends || stops || state_.step % plan_.checkpoint.every == 0)
        window.add_checkpoint_seconds(save());
      if (plan_.output.sample_every > 0 && plan_.output.sample_count > 0 &&
          (ends || (!stops && state_.step % plan_.output.sample_every == 0))) {
        draw(events ? &*events : nullptr);
      }
      if (stops) {
        progress.finish();
        log_info(fmt::format("stopped on request after step {}: start again with --resume",
                             state_.step));
        return kStopped;
      }
    }
    progress.finish();
    return kDone;
  }

  // Seconds it took. All ranks compare their parameters first.
  double save() {
    const auto start = std::chrono::steady_clock::now();
    state_.require_equal_over_ranks(group_);
    if (metrics_) metrics_->sync();
    if (first_) checkpoints_.write(state_.checkpoint(plan_.resolved, to_json(plan_.data.spec)));
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

 private:
  // First values: those of fit(), or of other runs for the groups in `start_from`; the EMA begins
  // there.
  void start_groups() {
    for (auto& flat : state_.groups) {
      const auto found = plan_.start_from.find(flat->name);
      if (found != plan_.start_from.end() && first_)
        load_group({flat->name, flat->parameters},
                   read_checkpoint(checkpoint_file_of(found->second)));
      flat->restart();
    }
  }

  void draw(EventFile* events) {
    const WithEma averaged(state_.groups, 0);
    const Batch samples = draw_samples(*plan_.trainer,
                                       {plan_.output.sample_count, plan_.output.sample_block,
                                        plan_.training.seed, 0, plan_.training.bf16, nullptr},
                                       group_, plan_.device);
    if (!first_) return;
    if (!plan_.data.kind.draw) {
      write_samples(plan_.data.kind, samples, plan_.data.spec,
                    directory_.sample(state_.step, ".h5"));
      return;
    }
    const std::string png = directory_.sample(state_.step, ".png");
    plan_.data.kind.draw(samples, plan_.data.spec, png);
    events->picture(state_.step, "samples", png);
  }

  Plan& plan_;
  RunDirectory& directory_;
  CheckpointDirectory& checkpoints_;
  const ProcessGroup group_;
  TrainingState state_;
  const bool first_;
  std::optional<MetricsFile> metrics_;  // rank 0
};

}  // namespace

int train(const TrainOptions& options, const Catalogue& catalogue, const MpiSession& session) {
  Plan plan;
  ProcessGroup group;
  session.together([&] {
    if (options.resume && options.overwrite)
      throw ConfigError("--resume and --overwrite exclude each other: give one");
    plan = make_plan(options, catalogue, session.ranks());
  });
  session.together([&] { group = make_process_group(MPI_COMM_WORLD, plan.device); });
  if (options.dry_run) {
    if (session.rank() == 0) print_plan(plan);
    return kDone;
  }
  const std::string out =
      options.out.empty() ? "runs/" + fs::path(options.config).stem().string() : options.out;
  RunDirectory directory(out);
  CheckpointDirectory checkpoints(directory.checkpoints(), plan.checkpoint.keep_last,
                                  plan.checkpoint.keep_every);
  std::optional<Checkpoint> checkpoint;
  session.together([&] {
    require_same(group, "the configuration", hash_of(plan.resolved));
    require_same(group, "the data", plan.data.spec.content_hash);
  });
  session.together([&] {
    if (session.rank() == 0) checkpoint = open_directory(directory, checkpoints, plan, options);
  });
  try {
    Run run(plan, directory, checkpoints, group);
    const bool resumed = run.fit_or_restore(checkpoint);
    checkpoint.reset();
    if (resumed && run.step() >= plan.training.steps) {
      log_info(fmt::format("{}: finished already, at step {} (raise training.steps to go on)", out,
                           run.step()));
      return kDone;
    }
    if (session.rank() == 0) {
      write_provenance(directory, session.ranks(), run.step());
      log_info(fmt::format("{}: {} from step {} to {} on {} ranks", out,
                           resumed ? "goes on" : "starts", run.step(), plan.training.steps,
                           session.ranks()));
    }
    const int code = run.go();
    if (plan.training.steps == 0) run.save();
    if (code == kDone) log_info(fmt::format("{}: done", out));
    return code;
  } catch (const std::exception& error) {
    abort_job(error);  // others may be waiting in a collective
  }
}

}  // namespace ornstein
