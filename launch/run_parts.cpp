#include "launch/run_parts.h"

#include <glob.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "framework/base/errors.h"
#include "framework/base/log.h"
#include "framework/base/random.h"
#include "framework/checkpoint/checkpoint_directory.h"
#include "framework/comm/devices.h"
#include "framework/data/data_file.h"
#include "framework/training/training_state.h"
#include "launch/device_choice.h"

namespace ornstein {
namespace {

namespace fs = std::filesystem;

// How a trained model is used, in methods that have such a key.
const std::vector<std::string> kUseKeys = {"runtime.device",
                                           "runtime.threads",
                                           "runtime.tf32",
                                           "trainer.sampler",
                                           "trainer.variance",
                                           "trainer.steps",
                                           "trainer.conditioning",
                                           "trainer.tolerance",
                                           "trainer.guidance_iterations",
                                           "trainer.divergence",
                                           "trainer.evaluation_samples",
                                           "trainer.nll_rows",
                                           "trainer.evaluation_points",
                                           "trainer.nll_steps",
                                           "trainer.bound_draws",
                                           "trainer.bound_times",
                                           "trainer.importance_rows",
                                           "trainer.bound_paths",
                                           "trainer.importance_paths",
                                           "trainer.normalisation_latitudes",
                                           "trainer.graphs"};

std::vector<std::string> matches(const std::string& pattern) {
  glob_t found = {};
  std::vector<std::string> files;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0)
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  return files;
}

std::vector<std::string> find_files(const std::vector<std::string>& patterns,
                                    const std::string& beside) {
  std::vector<std::string> files;
  for (const auto& pattern : patterns) {
    if (pattern.starts_with("synthetic:")) {
      files.push_back(pattern);
      continue;
    }
    auto found = matches(pattern);
    if (found.empty() && fs::path(pattern).is_relative())
      found = matches(fs::path(beside) / pattern);
    if (found.empty()) {
      throw ConfigError(
          fmt::format("{}: no such file (dataset.path, from the working directory and from {}) see "
                      "`ornstein data import`",
                      pattern, beside.empty() ? "." : beside));
    }
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

}  // namespace

OpenedData open_data(const ConfigReader& dataset, const std::string& beside,
                     const DatasetFactory& datasets) {
  OpenedData data;
  const std::string name = dataset.text("kind", std::nullopt);
  data.kind = datasets.make(name);
  const double validation_fraction = dataset.number("validation_fraction", 0.05, 0, 0.95);
  data.source = data.kind.open(find_files(dataset.text_or_texts("path"), beside), dataset);
  data.splits = split_rows(data.source, validation_fraction);
  data.spec = data.source.all->spec();
  data.spec.rows = data.splits.train ? data.splits.train->spec().rows : 0;
  data.spec.content_hash = data.source.content_hash;
  return data;
}

std::unique_ptr<Trainer> make_trainer(const ConfigReader& root, const DataSpec& spec, uint64_t seed,
                                      const TrainerFactory& trainers) {
  seed_default_generators(random_key(Stream::kInitialisation, {seed}));
  return trainers.make(root.section("trainer").text("name", std::nullopt), root, spec);
}

OutputSettings read_output(const ConfigReader& output) {
  return {output.integer("log_every", 50, 1), output.integer("sample_every", 0, 0),
          output.integer("sample_count", 64, 0), output.integer("sample_block", 32, 1)};
}

Runtime read_runtime(const ConfigReader& runtime, int local_rank) {
  const std::string wanted = runtime.choice("device", "auto", {"auto", "cpu", "cuda"});
  at::set_num_threads(static_cast<int>(runtime.integer("threads", 1, 1)));
  Runtime own;
  own.collective_timeout = runtime.number("collective_timeout", 600, 0, 1e6);
  own.cuda_graph = runtime.flag("cuda_graph", false);
  const bool tf32 = runtime.flag("tf32", false);
  if (wanted == "cpu") return own;
  const auto devices = visible_devices();
  const auto index =
      choose_device(wanted, built_for_cuda(), static_cast<int>(devices.size()), local_rank);
  if (!index) return own;
  own.device = take_device(*index, tf32);
  own.bus = devices[*index].bus;
  return own;
}

std::string checkpoint_file_of(const std::string& run_or_checkpoint) {
  const fs::path path = run_or_checkpoint;
  std::error_code ignored;
  if (fs::is_directory(path / "checkpoints", ignored))
    return newest_checkpoint(path / "checkpoints");
  // A damaged checkpoint may have lost its first bytes, but not its name.
  std::string magic(8, '\0');
  if (std::ifstream(path, std::ios::binary).read(magic.data(), 8); magic == "ORNSTEIN") return path;
  if (fs::is_regular_file(path, ignored) && path.filename().string().starts_with("step_"))
    return path;
  throw ConfigError(fmt::format("{}: no run and no checkpoint (give runs/NAME or a step_*.h5)",
                                run_or_checkpoint));
}

StoredRun open_run(const std::string& run_or_checkpoint, const std::string& ema,
                   const Catalogue& catalogue, int local_rank,
                   const std::vector<std::string>& settings) {
  for (const std::string& setting : settings) {
    const std::string key = setting.substr(0, setting.find('='));
    if (std::find(kUseKeys.begin(), kUseKeys.end(), key) == kUseKeys.end())
      throw ConfigError(fmt::format(
          "--set {} (the weights were trained for what stands in the run's configuration) only {} "
          "may change",
          setting, fmt::join(kUseKeys, ", ")));
  }
  StoredRun run;
  const std::string file = checkpoint_file_of(run_or_checkpoint);
  const Checkpoint checkpoint = read_checkpoint(file);
  run.name = run_or_checkpoint;
  run.directory = fs::absolute(file).parent_path().parent_path();
  run.step = checkpoint.step;
  run.configuration = Configuration::from_text(checkpoint.config, file, settings);
  run.spec = data_spec_from_json(checkpoint.data_spec);
  const ConfigReader root = run.configuration->root();
  run.output = read_output(root.section("output"));
  run.runtime = read_runtime(root.section("runtime"), local_rank);
  run.bf16 = root.section("training").text("precision", "fp32") == "bf16";
  run.trainer = make_trainer(root, run.spec, checkpoint.seed, catalogue.trainers);
  run.configuration->refuse_unknown_keys(settings);
  std::vector<std::string> untrained;
  for (const auto& [group, updates] : checkpoint.updates)
    if (updates == 0 && !root.section("start_from").has(group)) untrained.push_back(group);
  if (!untrained.empty() && checkpoint.step > 0)
    log_info(fmt::format(
        "{}: {} was never trained (the weights are its first values) join it with the runs that "
        "trained the rest",
        run_or_checkpoint, fmt::join(untrained, ", ")));
  auto profiles = ema_profiles_of(checkpoint);
  profiles.push_back("none");
  run.ema = ema.empty() ? profiles.front() : ema;
  if (std::find(profiles.begin(), profiles.end(), run.ema) == profiles.end()) {
    throw ConfigError(fmt::format("--ema {}: this run has no such profile (it has {})", ema,
                                  fmt::join(profiles, ", ")));
  }
  load_for_inference(*run.trainer, checkpoint, run.ema, run.runtime.device);
  return run;
}

void require_writable(const std::string& file, const std::string& suffix) {
  if (!file.ends_with(suffix)) {
    throw ConfigError(fmt::format(
        "{}: its name must end in {} (so that nothing else is overwritten)", file, suffix));
  }
  const std::string folder = fs::absolute(file).parent_path();
  if (::access(folder.c_str(), W_OK) != 0) {
    throw ConfigError(fmt::format("{}: cannot be written ({}: {}) choose another place", file,
                                  folder, std::strerror(errno)));
  }
}

void write_samples(const DataKind& kind, const Batch& samples, const DataSpec& spec,
                   const std::string& path) {
  write_data_file(path, spec.kind, [&](Hdf5File& file) { kind.write(samples, spec, file); });
}

}  // namespace ornstein
