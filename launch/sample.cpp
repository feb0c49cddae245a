// `ornstein sample`.
#include <unistd.h>

#include <cstring>

#include "framework/base/errors.h"
#include "framework/base/log.h"
#include "framework/comm/abort_job.h"
#include "framework/training/sampling.h"
#include "launch/commands.h"
#include "launch/mpi_session.h"
#include "launch/run_parts.h"
#include "launch/watched_group.h"

namespace ornstein {
namespace {

std::shared_ptr<const Dataset> open_given(const std::string& file, const StoredRun& run,
                                          const DataKind& kind) {
  const Conditioning conditioning = run.trainer->conditioning();
  if (conditioning == Conditioning::nothing)
    throw ConfigError(
        fmt::format("--given {}: {} is conditioned on nothing (its samples would not change) leave "
                    "it out",
                    file, run.name));
  if (::access(file.c_str(), R_OK) != 0)
    throw ConfigError(
        fmt::format("--given {}: cannot be read ({}) check the path", file, std::strerror(errno)));
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
  std::shared_ptr<const Dataset> given;
  session.together([&] {
    if (!options.out.empty()) require_writable(options.out, ".h5");
    if (!options.image.empty()) require_writable(options.image, ".png");
    run = open_run(options.run, options.ema, catalogue);
    kind = catalogue.datasets.make(run.spec.kind);
    if (!options.image.empty() && !kind.draw) {
      throw ConfigError(fmt::format("--image: {} have no picture (leave it out)", run.spec.kind));
    }
    if (!options.given.empty()) given = open_given(options.given, run, kind);
  });
  if (options.collective_timeout >= 0) run.runtime.collective_timeout = options.collective_timeout;
  const WatchedGroup group(session, run.runtime, run.directory,
                           "start again, with a longer --collective-timeout if it was only slow");
  group.about("sampling", 0);
  const SamplePlan plan{options.count,
                        run.output.sample_block,
                        static_cast<uint64_t>(options.seed),
                        options.steps,
                        run.bf16,
                        given};
  Batch samples;
  try {
    samples = draw_samples(*run.trainer, plan, group, run.runtime.device);
  } catch (const std::exception& error) {
    abort_job(error, exit_code_of(error));  // others may be waiting in a collective
  }
  session.together([&] {
    if (session.rank() != 0) return;
    if (!options.out.empty()) write_samples(kind, samples, run.spec, options.out);
    if (!options.image.empty()) kind.draw(samples, run.spec, options.image);
    log_info(fmt::format("{} samples of {} (step {}, EMA {}) in {}", options.count, run.name,
                         run.step, run.ema, options.out.empty() ? options.image : options.out));
  });
  return kDone;
}

}  // namespace ornstein
