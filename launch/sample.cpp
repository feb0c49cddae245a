// `ornstein sample`.
#include <unistd.h>

#include <cstring>

#include "framework/base/errors.h"
#include "framework/base/log.h"
#include "framework/comm/abort_job.h"
#include "framework/data/grids.h"
#include "framework/training/sampling.h"
#include "launch/commands.h"
#include "launch/mpi_session.h"
#include "launch/run_parts.h"
#include "launch/watched_group.h"

namespace ornstein {
namespace {

void require_readable(const std::string& option, const std::string& file) {
  if (::access(file.c_str(), R_OK) == 0) return;
  throw ConfigError(
      fmt::format("{} {}: cannot be read ({}) check the path", option, file, std::strerror(errno)));
}

// The grid that functions are asked for on, [n, 1] or [n, m, 2]; else undefined.
at::Tensor samples_grid(const SampleOptions& options, const DataSpec& spec, const DataKind& kind) {
  if (options.grid.empty() && options.coordinates.empty()) return {};
  const std::string option = options.grid.empty() ? "--coordinates" : "--grid";
  if (!kind.grid)
    throw ConfigError(fmt::format("{}: {} have no grid (leave it out)", option, spec.kind));
  if (options.grid.empty()) {
    require_readable(option, options.coordinates);
    return kind.grid(options.coordinates, spec);
  }
  const size_t axes = spec.shape.size() - 1;
  if (options.grid.size() != axes)
    throw ConfigError(fmt::format("--grid {}: the run's functions have {} (give {})",
                                  fmt::join(options.grid, "x"), axes == 1 ? "one axis" : "two axes",
                                  axes == 1 ? "N" : "NxM"));
  return regular_grid(spec, options.grid);
}

// `coordinates`: the samples' grid, if they have one.
std::shared_ptr<const Dataset> open_given(const std::string& file, const StoredRun& run,
                                          const DataKind& kind, const at::Tensor& coordinates) {
  const Conditioning conditioning = run.trainer->conditioning();
  if (conditioning == Conditioning::nothing)
    throw ConfigError(
        fmt::format("--given {}: {} is conditioned on nothing (its samples would not change) leave "
                    "it out",
                    file, run.name));
  require_readable("--given", file);
  if (kind.given) return kind.given(file, run.spec, coordinates);
  const auto configuration = Configuration::from_text("{}", "--given");
  const auto given = kind.open({file}, configuration->root().section("dataset")).all;
  const DataSpec spec = given->spec();
  if (spec.shape != run.spec.shape) {
    throw ConfigError(
        fmt::format("--given {}: a row is [{}] (the run's are [{}]) give data of the "
                    "run's size",
                    file, fmt::join(spec.shape, ", "), fmt::join(run.spec.shape, ", ")));
  }
  if (conditioning == Conditioning::labels && spec.classes == 0)
    throw ConfigError(
        fmt::format("--given {}: has no labels ({} is conditioned on classes) give data with "
                    "labels, or leave it out for the classes in turn",
                    file, run.name));
  if (spec.classes > run.spec.classes && run.spec.classes > 0) {
    throw ConfigError(
        fmt::format("--given {}: has labels up to {} (the run knows {} classes) drop "
                    "those rows",
                    file, spec.classes - 1, run.spec.classes));
  }
  return given;
}

}  // namespace

int sample(const SampleOptions& options, const Catalogue& catalogue, const MpiSession& session) {
  StoredRun run;
  DataKind kind;
  SamplePlan plan{
      .count = options.count, .seed = static_cast<uint64_t>(options.seed), .steps = options.steps};
  session.together([&] {
    if (!options.out.empty()) require_writable(options.out, ".h5");
    if (!options.image.empty()) require_writable(options.image, ".png");
    run = open_run(options.run, options.ema, catalogue, session.local_rank(), options.settings);
    kind = catalogue.datasets.make(run.spec.kind);
    if (!options.image.empty() && !kind.draw) {
      throw ConfigError(fmt::format("--image: {} have no picture (leave it out)", run.spec.kind));
    }
    plan.block = run.output.sample_block;
    plan.bf16 = run.bf16;
    plan.coordinates = samples_grid(options, run.spec, kind);
    if (!plan.coordinates.defined()) plan.coordinates = run.trainer->coordinates();
    if (!options.given.empty()) plan.given = open_given(options.given, run, kind, plan.coordinates);
    if (plan.coordinates.defined()) try_sample(*run.trainer, plan, run.runtime.device);
  });
  if (options.collective_timeout >= 0) run.runtime.collective_timeout = options.collective_timeout;
  const WatchedGroup group(session, run.runtime, run.directory,
                           "start again, with a longer --collective-timeout if it was only slow");
  group.about("sampling", 0);
  Batch samples;
  try {
    samples = draw_samples(*run.trainer, plan, group, run.runtime.device);
  } catch (const std::exception& error) {
    abort_job(error, exit_code_of(error));  // others may be waiting in a collective
  }
  session.together([&] {
    if (session.rank() != 0) return;
    const int64_t wrong =
        options.count - samples.x.flatten(1).isfinite().all(1).sum().item<int64_t>();
    if (wrong > 0)
      log_info(
          fmt::format("{} of {} samples are not finite (too few steps for this sampler, or "
                      "training diverged) give more --steps, or an earlier checkpoint",
                      wrong, options.count));
    if (!options.out.empty()) write_samples(kind, samples, run.spec, options.out);
    if (!options.image.empty()) kind.draw(samples, run.spec, options.image);
    log_info(fmt::format("{} samples of {} (step {}, EMA {}) in {}", options.count, run.name,
                         run.step, run.ema, options.out.empty() ? options.image : options.out));
  });
  return kDone;
}

}  // namespace ornstein
