// The commands of the program (design, section 1). Each returns its exit code and throws the errors
// of base/errors.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/data/dataset_factory.h"
#include "framework/training/trainer_factory.h"

namespace ornstein {

void register_all_trainers(TrainerFactory& factory);  // generated
void register_all_datasets(DatasetFactory& factory);  // generated

// What the program was built with. Ordinary objects, made by main.
struct Catalogue {
  TrainerFactory trainers{"trainer"};
  DatasetFactory datasets{"kind of data"};
  Catalogue() {
    register_all_trainers(trainers);
    register_all_datasets(datasets);
  }
};

class MpiSession;

struct TrainOptions {
  std::string config, out;
  std::vector<std::string> settings;  // of --set
  bool resume = false, overwrite = false, dry_run = false;
  double stop_before = 0;  // minutes before the batch system's limit; 0: never
  int64_t replay = 0;      // a step of the run at `out`; 0: train
};
int train(const TrainOptions& options, const Catalogue& catalogue, const MpiSession& session);

struct SampleOptions {
  std::string run, out, image, ema, given, coordinates;
  std::vector<std::string> settings;  // of --set
  std::vector<int64_t> grid;  // points of each axis; empty: of `coordinates`, or the method's own
  int64_t count = 0, seed = 0, steps = 0;
  double collective_timeout = -1;  // seconds; negative: the run's own
};
int sample(const SampleOptions& options, const Catalogue& catalogue, const MpiSession& session);

struct EvaluateOptions {
  std::string run, data, out, compare, ema;
  std::vector<std::string> settings;  // trainer.KEY=value, of sampling and evaluation
  double collective_timeout = -1;
};
int evaluate(const EvaluateOptions& options, const Catalogue& catalogue, const MpiSession& session);

struct DataImportOptions {
  std::string kind, output;
  std::vector<std::string> sources;
  ImportOptions import;
};
int data_import(const DataImportOptions& options, const Catalogue& catalogue);
int data_info(const std::string& file, const Catalogue& catalogue);

struct JoinOptions {
  std::vector<std::string> runs;
  std::string out;
};
int join(const JoinOptions& options, const Catalogue& catalogue);

int inspect(const std::string& run_or_checkpoint);
int list(const std::string& what,
         const Catalogue& catalogue);  // "trainers", "datasets", "networks", "" for all
int doctor(const std::string& out, const MpiSession& session);

struct SelftestOptions {
  std::string launcher, out, only;
  double minutes = 0;
  uint64_t seed = 0;
};
int selftest(const SelftestOptions& options);

}  // namespace ornstein
