// `ornstein train`: wires the parts, in order.
#include <chrono>
#include <filesystem>

#include "framework/base/errors.h"
#include "framework/base/fault_point.h"
#include "framework/base/log.h"
#include "framework/checkpoint/checkpoint_writer.h"
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
#include "launch/run_opening.h"
#include "launch/signals.h"
#include "launch/time_limit.h"
#include "launch/training_plan.h"
#include "launch/watched_group.h"
#include "launch/wrong_launch.h"

namespace ornstein {
namespace {

namespace fs = std::filesystem;

class Run {
 public:
  Run(TrainingPlan& plan, RunDirectory& directory, CheckpointDirectory& checkpoints,
      const WatchedGroup& group, TimeLimit limit)
      : plan_(plan),
        directory_(directory),
        writer_(checkpoints),
        watched_(group),
        group_(group),
        state_(*plan.trainer, plan.groups, plan.training, plan.runtime.device),
        first_(rank(group) == 0),
        limit_(std::move(limit)) {}

  // `checkpoint` counts on rank 0. True if the run goes on from it. StopRequested.
  bool fit_or_restore(const std::optional<Checkpoint>& checkpoint) {
    watched_.about("restoring", 0);
    at::Tensor resumes = at::tensor({checkpoint ? 1 : 0}, at::kLong);
    broadcast(group_, resumes);
    const bool resumed = resumes.item<int64_t>() != 0;
    if (checkpoint) state_.restore(*checkpoint);
    if (!resumed) {
      watched_.about("fitting", 0);
      const at::NoGradGuard no_grad;
      plan_.trainer->fit(*on_device(plan_.data.splits.train, plan_.runtime.device),
                         make_parallel_rows(group_, plan_.training.seed, plan_.runtime.device,
                                            [this] { return stop_here(); }));
      start_groups();
    }
    state_.broadcast(group_);
    return resumed;
  }

  int64_t step() const { return state_.step; }

  int go() {
    const int64_t steps = plan_.training.steps;
    TrainingLoop loop = make_loop();
    std::optional<EventFile> events;
    if (first_) {
      metrics_.emplace(directory_.metrics(), state_.step);
      skipped_.emplace(directory_.skipped(), state_.step);
      events.emplace(directory_.path(), state_.step);
    }
    Progress progress(state_.step, steps, plan_.training.global_batch);
    MetricsWindow window;
    auto logged = std::chrono::steady_clock::now();
    int64_t logged_step = state_.step;
    while (state_.step < steps) {
      writer_.check();
      watched_.about("training", state_.step);
      const StepReport report = loop.step([this] { return stop_here(); });
      window.add(report);
      if (report.skipped) {
        progress.finish();
        log_info(
            fmt::format("step {0} was skipped (the loss or a gradient is inf or NaN) see "
                        "`ornstein train {1}/config.json --out {1} --replay {0}`",
                        state_.step, directory_.path()));
        if (first_) note_skipped(loop.rows_of(state_.step - 1));
      }
      if (first_) progress.show(state_.step, report.loss);
      const bool ends = state_.step == steps;
      bool stops = report.stop_requested && !ends;
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
      // Not amid steps that are not finite: the checkpoint before is better.
      if (ends || stops || (state_.step % plan_.checkpoint.every == 0 && !report.skipped))
        window.add_checkpoint_seconds(save());
      if (plan_.output.sample_every > 0 && plan_.output.sample_count > 0 &&
          (ends || (!stops && state_.step % plan_.output.sample_every == 0))) {
        try {
          draw(events ? &*events : nullptr);
        } catch (const StopRequested&) {
          if (ends) continue;  // all that was asked for is on disk, but a picture
          if (state_.step % plan_.checkpoint.every != 0 || report.skipped)
            window.add_checkpoint_seconds(save());
          stops = true;
        }
      }
      if (stops) {
        finish();
        progress.finish();
        log_info(fmt::format("stopped on request after step {}: start again with --resume",
                             state_.step));
        return kStopped;
      }
    }
    loop.require_progress();
    if (steps == 0) save();  // nothing to learn: what fit() made
    finish();
    progress.finish();
    return kDone;
  }

  // Trains up to the step before `number`, without a trace on disk, then looks into that one.
  int replay(int64_t number) {
    TrainingLoop loop = make_loop();
    while (state_.step < number - 1) {
      watched_.about("replaying", state_.step);
      if (loop.step(stop_requested).stop_requested) throw StopRequested();
    }
    const auto found = loop.examine();
    for (const NotFinite& it : found) {
      log_any_rank(fmt::format(
          "step {}: not finite: {}{}", number, it.what,
          it.row < 0 ? ""
                     : fmt::format(" of row {} of the data",
                                   plan_.data.splits.train_rows[it.row].item<int64_t>())));
    }
    at::Tensor count = at::tensor({static_cast<double>(found.size())}, at::kDouble);
    all_reduce_sum(group_, count);
    if (count.item<double>() == 0) log_info(fmt::format("step {}: all is finite", number));
    return kDone;
  }

  // Hands a checkpoint to the writer. Seconds that training stood still for it. All ranks compare
  // their parameters first.
  double save() {
    const auto start = std::chrono::steady_clock::now();
    watched_.about("writing a checkpoint", state_.step - 1);
    state_.require_equal_over_ranks(group_);
    if (metrics_) metrics_->sync();
    if (first_) writer_.write(state_.checkpoint(plan_.resolved, to_json(plan_.data.spec)));
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

 private:
  // Whether this rank was asked to stop; on rank 0 the batch system's clock counts as well.
  bool stop_here() { return stop_requested() || (first_ && limit_.near()); }

  TrainingLoop make_loop() {
    return TrainingLoop(*plan_.trainer, state_, plan_.data.splits.train, plan_.training, group_,
                        plan_.runtime.device, plan_.runtime.cuda_graph);
  }

  // The last write; the others wait for it where they are watched.
  void finish() {
    watched_.about("finishing", state_.step - 1);
    writer_.finish();
    barrier(group_);
  }

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

  // The step's number and the rows of its batch, as numbered in the data file.
  void note_skipped(const at::Tensor& rows) {
    const at::Tensor source = plan_.data.splits.train_rows.index_select(0, rows);
    const auto* first = source.const_data_ptr<int64_t>();
    skipped_->write(JsonLine()
                        .add("step", state_.step)
                        .add("rows", std::vector<int64_t>(first, first + source.numel())));
  }

  void draw(EventFile* events) {
    watched_.about("sampling", state_.step - 1);
    const WithEma averaged(state_.groups, 0);
    const Batch samples = draw_samples(*plan_.trainer,
                                       {.count = plan_.output.sample_count,
                                        .block = plan_.output.sample_block,
                                        .seed = plan_.training.seed,
                                        .bf16 = plan_.training.bf16,
                                        .stop_here = [this] { return stop_here(); }},
                                       group_, plan_.runtime.device);
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

  TrainingPlan& plan_;
  RunDirectory& directory_;
  CheckpointWriter writer_;
  const WatchedGroup& watched_;
  const ProcessGroup group_;
  TrainingState state_;
  const bool first_;
  TimeLimit limit_;
  std::optional<MetricsFile> metrics_, skipped_;  // rank 0
};

}  // namespace

int train(const TrainOptions& options, const Catalogue& catalogue, const MpiSession& session) {
  const std::string out =
      options.out.empty() ? "runs/" + fs::path(options.config).stem().string() : options.out;
  std::unique_ptr<Configuration> configuration;
  Runtime runtime;
  session.together([&] {
    if (options.resume && options.overwrite)
      throw ConfigError("--resume and --overwrite exclude each other: give one");
    configuration = Configuration::from_file(options.config, options.settings);
    runtime = read_runtime(configuration->root().section("runtime"), session.local_rank());
  });
  const WatchedGroup group(session, runtime, out, "start again with --resume");
  TrainingPlan plan;
  session.together([&] {
    plan = make_plan(std::move(configuration), runtime, options, catalogue, session.ranks());
    fault_point("loading");
  });
  if (options.dry_run) {
    if (session.rank() == 0) print_plan(plan);
    return kDone;
  }
  require_same_configuration(session, plan.resolved, options.config);
  require_same(session, "the data", plan.data.spec.content_hash,
               "give all ranks the same files as dataset.path");
  RunDirectory directory(out);
  CheckpointDirectory checkpoints(directory.checkpoints(), plan.checkpoint.keep_last,
                                  plan.checkpoint.keep_every);
  std::optional<Checkpoint> checkpoint;
  session.together([&] {
    if (session.rank() != 0) return;
    checkpoint = options.replay > 0 ? before_step(options.replay, directory, checkpoints, plan)
                                    : open_directory(directory, checkpoints, plan, options);
  });
  try {
    Run run(plan, directory, checkpoints, group, TimeLimit(std::llround(60 * options.stop_before)));
    const bool resumed = run.fit_or_restore(checkpoint);
    checkpoint.reset();
    if (options.replay > 0) return run.replay(options.replay);
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
    if (code == kDone) log_info(fmt::format("{}: done", out));
    return code;
  } catch (const StopRequested& stop) {  // by all ranks alike, with nothing to save yet
    log_info(stop.what());
    return kStopped;
  } catch (const std::exception& error) {
    abort_job(error, exit_code_of(error));  // others may be waiting in a collective
  }
}

}  // namespace ornstein
