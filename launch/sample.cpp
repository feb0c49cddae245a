// `ornstein sample`.
#include "framework/base/errors.h"
#include "framework/base/log.h"
#include "framework/comm/abort_job.h"
#include "framework/training/sampling.h"
#include "launch/commands.h"
#include "launch/mpi_session.h"
#include "launch/run_parts.h"

namespace ornstein {

int sample(const SampleOptions& options, const Catalogue& catalogue, const MpiSession& session) {
  StoredRun run;
  DataKind kind;
  session.together([&] {
    if (!options.out.empty()) require_writable(options.out, ".h5");
    if (!options.image.empty()) require_writable(options.image, ".png");
    run = open_run(options.run, options.ema, catalogue);
    kind = catalogue.datasets.make(run.spec.kind);
    if (!options.image.empty() && !kind.draw) {
      throw ConfigError(fmt::format("--image: {} have no picture (leave it out)", run.spec.kind));
    }
  });
  const ProcessGroup group = make_process_group(MPI_COMM_WORLD, run.device);
  const SamplePlan plan{options.count, run.output.sample_block, static_cast<uint64_t>(options.seed),
                        options.steps};
  Batch samples;
  try {
    samples = draw_samples(*run.trainer, plan, group, run.device);
  } catch (const std::exception& error) {
    abort_job(error);  // others may be waiting in a collective
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
