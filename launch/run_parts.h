// The parts of a run that train, sample and evaluate build alike from a configuration.
#pragma once

#include <memory>
#include <string>

#include "framework/checkpoint/checkpoint_file.h"
#include "framework/data/sampler.h"
#include "launch/commands.h"

namespace ornstein {

// `dataset` of the configuration, opened. A relative path is looked up from the working directory,
// then in `beside`, the configuration's folder; patterns (data/*.h5) may match several files.
struct OpenedData {
  DataKind kind;
  DataSource source;
  Splits splits;
  DataSpec spec;  // of the training rows
};
OpenedData open_data(const ConfigReader& dataset, const std::string& beside,
                     const DatasetFactory& datasets);

// The trainer that the configuration names; parameters drawn by `seed`.
std::unique_ptr<Trainer> make_trainer(const ConfigReader& root, const DataSpec& spec, uint64_t seed,
                                      const TrainerFactory& trainers);

struct OutputSettings {
  int64_t log_every = 0, sample_every = 0, sample_count = 0, sample_block = 0;
};
OutputSettings read_output(const ConfigReader& output);

struct Runtime {
  at::Device device = at::kCPU;   // this rank's own: cuda:0, ...
  std::string bus;                // that device's address; empty on the CPU
  double collective_timeout = 0;  // seconds a rank waits for the others before it looks for the
                                  // reason; 0: for ever
  bool cuda_graph = false;        // a small network's steps are recorded and replayed
};
// Sets LibTorch's threads, and takes the device that is this rank's share of its host's.
Runtime read_runtime(const ConfigReader& runtime, int local_rank);

// The file that RUN_OR_CHECKPOINT names: a run's newest good checkpoint, or the file itself.
// ConfigError if there is none.
std::string checkpoint_file_of(const std::string& run_or_checkpoint);

// RUN_OR_CHECKPOINT with its weights, for sample and evaluate.
struct StoredRun {
  std::string name, directory;  // directory: where the configuration would have lain
  std::unique_ptr<Configuration> configuration;
  DataSpec spec;
  OutputSettings output;
  Runtime runtime;
  std::unique_ptr<Trainer> trainer;
  int64_t step = 0;
  std::string ema;    // the profile that was loaded, or "none"
  bool bf16 = false;  // how it was trained, and is sampled
};
// `ema`: a width, "none", or empty for the first profile. `settings`: "trainer.steps=9" and
// other keys of sampling and evaluation, laid over the run's configuration; ConfigError for others
// and for those that the trainer does not read.
StoredRun open_run(const std::string& run_or_checkpoint, const std::string& ema,
                   const Catalogue& catalogue, int local_rank,
                   const std::vector<std::string>& settings = {});

// ConfigError unless `file` ends in `suffix` and can lie in its folder.
void require_writable(const std::string& file, const std::string& suffix);

// Samples to an HDF5 file of the data's schema, written beside and renamed.
void write_samples(const DataKind& kind, const Batch& samples, const DataSpec& spec,
                   const std::string& path);

}  // namespace ornstein
