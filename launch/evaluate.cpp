// `ornstein evaluate`: figures on held-out rows, as a table and as JSON.
#include "framework/base/errors.h"
#include "framework/comm/abort_job.h"
#include "framework/config/json_line.h"
#include "framework/training/parallel_rows.h"
#include "framework/training/run_directory.h"
#include "launch/commands.h"
#include "launch/mpi_session.h"
#include "launch/run_parts.h"
#include "launch/watched_group.h"

namespace ornstein {
namespace {

struct HeldOut {
  std::shared_ptr<const Dataset> rows;
  std::string split;       // "test (split 2)", ...
  at::Tensor log_density;  // [rows], where the data file knows it
};

// `given`: the file of --data, whose rows are all held out unless it says otherwise.
HeldOut held_out_rows(const OpenedData& data, const std::string& given) {
  HeldOut held_out;
  at::Tensor chosen;
  if (!given.empty() && !data.source.split.defined()) {
    return {data.source.all, "all rows of " + given, data.source.log_density};
  } else if (data.splits.test) {
    held_out = {data.splits.test, "test (split 2)", {}};
    chosen = data.splits.test_rows;
  } else if (data.splits.validation) {
    held_out = {data.splits.validation, "validation (split 1)", {}};
    chosen = data.splits.validation_rows;
  } else {
    throw DataError(fmt::format(
        "{}: no held-out rows (neither split 2 nor 1) give {}",
        given.empty() ? "dataset.path" : given,
        given.empty() ? "--data FILE.h5, or dataset.validation_fraction > 0" : "another file"));
  }
  if (data.source.log_density.defined())
    held_out.log_density = data.source.log_density.index_select(0, chosen);
  return held_out;
}

// Functions may lie on any grid.
bool same_rows(const DataSpec& a, const DataSpec& b) {
  if (a.extent.empty() || b.extent.empty()) return a.shape == b.shape;
  return a.shape.size() == b.shape.size() && a.shape[0] == b.shape[0];
}

std::string form_of(const DataSpec& spec) {
  std::string form = fmt::format("{} {}", spec.kind, fmt::join(spec.shape, "x"));
  if (spec.classes > 0) form += fmt::format(" of {} classes", spec.classes);
  if (spec.condition > 0) form += fmt::format(" with {} numbers of condition", spec.condition);
  if (!spec.period.empty()) form += fmt::format(" of period {}", fmt::join(spec.period, ", "));
  return form;
}

void require_fitting_data(const DataSpec& data, const StoredRun& run) {
  if (run.trainer->conditioning() == Conditioning::labels && data.classes == 0)
    throw DataError(fmt::format(
        "the data have no labels ({} is conditioned on classes) give data with labels", run.name));
  const bool fits = data.kind == run.spec.kind && data.space == run.spec.space &&
                    data.condition == run.spec.condition && data.period == run.spec.period &&
                    same_rows(data, run.spec) &&
                    (run.spec.classes == 0 || data.classes <= run.spec.classes);
  if (!fits)
    throw DataError(
        fmt::format("the data's rows are {} ({} was trained on {}) give data of the "
                    "same form",
                    form_of(data), run.name, form_of(run.spec)));
}

std::vector<Figure> figures_of(const StoredRun& run, const OpenedData& data,
                               const HeldOut& held_out, const ProcessGroup& group, uint64_t seed) {
  const at::Device& device = run.runtime.device;
  const auto rows = on_device(held_out.rows, device), train = on_device(data.splits.train, device);
  auto figures =
      run.trainer->evaluate({*rows, train.get()}, make_parallel_rows(group, seed, device));
  if (held_out.log_density.defined()) {
    figures.push_back(mean_figure("true_nll", -held_out.log_density, "nats"));
  }
  return figures;
}

std::string number(double value) { return fmt::format("{:.6g}", value); }

void print_table(const std::vector<Figure>& figures, const std::vector<Figure>& other) {
  for (const auto& figure : figures) {
    std::string line = fmt::format("{:<28} {:>12} +- {:<10} {}", figure.name, number(figure.value),
                                   number(figure.standard_error), figure.unit);
    for (const auto& o : other) {
      if (o.name == figure.name)
        line += fmt::format("   other {:>12} +- {}", number(o.value), number(o.standard_error));
    }
    fmt::print("{}\n", line);
  }
}

JsonLine json_of(const std::vector<Figure>& figures) {
  JsonLine all;
  for (const auto& figure : figures) {
    all.add(figure.name, JsonLine()
                             .add("value", figure.value)
                             .add("standard_error", figure.standard_error)
                             .add("unit", figure.unit));
  }
  return all;
}

}  // namespace

int evaluate(const EvaluateOptions& options, const Catalogue& catalogue,
             const MpiSession& session) {
  StoredRun run, other;
  OpenedData data;
  HeldOut held_out;
  session.together([&] {
    if (!options.out.empty()) require_writable(options.out, ".json");
    run = open_run(options.run, options.ema, catalogue, session.local_rank(), options.settings);
    std::vector<std::string> settings;
    if (!options.data.empty()) settings.push_back("dataset.path=" + options.data);
    const auto configuration =
        Configuration::from_text(run.configuration->given(), run.name, settings);
    data = open_data(configuration->root().section("dataset"), run.directory, catalogue.datasets);
    require_fitting_data(data.spec, run);
    if (!options.compare.empty()) {
      other =
          open_run(options.compare, options.ema, catalogue, session.local_rank(), options.settings);
      require_fitting_data(data.spec, other);
    }
    held_out = held_out_rows(data, options.data);
  });
  if (options.collective_timeout >= 0) run.runtime.collective_timeout = options.collective_timeout;
  const WatchedGroup group(session, run.runtime, run.directory,
                           "start again, with a longer --collective-timeout if it was only slow");
  group.about("evaluating", 0);
  constexpr uint64_t kSeed = 0;  // figures are the same at every call
  std::vector<Figure> figures, others;
  try {
    figures = figures_of(run, data, held_out, group, kSeed);
    if (other.trainer) others = figures_of(other, data, held_out, group, kSeed);
  } catch (const std::exception& error) {
    abort_job(error, exit_code_of(error));  // others may be waiting in a collective
  }
  session.together([&] {
    if (session.rank() != 0) return;
    fmt::print("{} at step {}, EMA {}, on {} rows of {}\n", run.name, run.step, run.ema,
               held_out.rows->spec().rows, held_out.split);
    print_table(figures, others);
    std::fflush(stdout);
    if (options.out.empty()) return;
    JsonLine json;
    json.add("figures", json_of(figures));
    if (!others.empty()) json.add("other_figures", json_of(others));
    json.add("run", run.name)
        .add("step", run.step)
        .add("ema", run.ema)
        .add("split", held_out.split);
    write_text_by_rename(options.out, json.text() + "\n");
  });
  return kDone;
}

}  // namespace ornstein
