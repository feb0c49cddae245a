// One try of the self-test: a small run in a directory of its own, started under the launcher,
// disturbed, looked at, and started again.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "launch/selftest/child_process.h"

namespace ornstein {

// The run that every try makes: `score` with a small mlp on a synthetic twin.
struct ChaosRun {
  static constexpr int64_t kSteps = 600, kCheckpointEvery = 60, kKeepLast = 3, kLogEvery = 10,
                           kRows = 16;
  static constexpr int64_t kMaxSkipped = 2;         // training.max_skipped
  static constexpr int64_t kCollectiveTimeout = 3;  // seconds, where a try is about hanging ranks
  static constexpr const char* kConfiguration = R"({
  "dataset": {"kind": "points", "path": "synthetic:gaussian"},
  "trainer": {"name": "score", "path": "edm"},
  "network": {"name": "mlp", "width": 32, "depth": 2},
  "training": {"steps": 600, "global_batch": 16, "micro_batch": 4, "max_skipped": 2},
  "checkpoint": {"every": 60, "keep_last": 3},
  "output": {"log_every": 10, "sample_every": 0},
  "runtime": {"device": "cpu", "threads": 1}
}
)";

  std::vector<std::string> launcher;  // words before the program
  std::string program, configuration;
  // Of the undisturbed run:
  std::string directory;
  int ranks = 0;
  int64_t tensors = 0;          // in a checkpoint
  double seconds = 0;           // from start to end
  double training_seconds = 0;  // of these, from the first lines of metrics on

  std::string last_checkpoint() const;
};

// A promise was broken; says how.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};
void promise(bool kept, const std::string& otherwise);  // throws Broken

// The run ended before the fault came: the try tells nothing.
struct CameTooLate {};

// This fault cannot be made here; says why.
struct CannotTry : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The user asked the self-test to stop.
struct Interrupted {};

class Trial {
 public:
  Trial(const ChaosRun& run, const std::string& directory, uint64_t seed);
  ~Trial();  // leaves no process behind

  const ChaosRun& run() const { return run_; }
  std::string directory() const { return directory_ + "/" + name_; }  // the run's
  std::string checkpoints() const { return directory() + "/checkpoints"; }

  bool under_srun() const { return run_.launcher.front().ends_with("srun"); }

  int64_t draw(int64_t least, int64_t most);  // both included
  int draw_rank() { return static_cast<int>(draw(0, run_.ranks - 1)); }

  // Another run of this try, "run" by default.
  void use(const std::string& name) { name_ = name; }
  // Lays a copy of the undisturbed run in place.
  void copy_undisturbed();

  // `ornstein train --resume`, with `faults` in ORNSTEIN_FAULT. `settings` are --set's.
  void start(const std::string& faults = "", const std::vector<std::string>& settings = {});
  // Until the first lines of metrics; the clock of seconds() starts. Broken if the run ends before.
  void wait_for_training();
  // And on to a moment that is drawn from the first part of training (`part`).
  void wait_for_some_moment();
  void wait(double seconds) const;
  void signal_launcher(int number);
  void signal_rank(int number, int rank);
  int some_rank_of_this_host();  // CannotTry without one
  std::vector<RankProcess> processes() const { return rank_processes(directory()); }
  void start_clock() { clock_ = std::chrono::steady_clock::now(); }

  // Waits until the launcher and all ranks of this host have ended. Broken if that takes longer
  // than `limit` seconds of the clock; then they are killed.
  void finish(double limit);
  void finish() { finish(patience()); }
  double patience() const { return 60 + 10 * run_.seconds; }  // for what has no deadline of its own

  // Of the start that has finished.
  int code() const { return code_; }
  const std::string& log() const { return log_; }  // what it said
  double seconds() const;                          // on the clock, when it had ended

  // Broken unless every checkpoint verifies and there are at least `least`. Starts nothing.
  void require_whole_checkpoints(int64_t least) const;
  // Starts it once more without faults. Broken unless it ends with the bytes of the undisturbed run
  // and each logged step once.
  void resume_as_undisturbed();

  int rank = -1;       // that was disturbed
  double part = 0.6;   // of the undisturbed run's steps, in time
  int64_t moment = 0;  // step, passage or number of checkpoint of the fault, as the case means it

 private:
  void sweep();  // ends what runs of this try on this host
  std::string log_file() const { return directory_ + "/" + name_ + ".log"; }

  const ChaosRun& run_;
  std::string directory_, name_ = "run", log_;
  std::mt19937_64 random_;
  std::unique_ptr<ChildProcess> child_;
  std::chrono::steady_clock::time_point clock_, ended_;
  int code_ = -1;
};

// Waits for `condition`, asking every few milliseconds, for at most so many seconds. Whether it
// came true. Interrupted if the user asks to stop.
bool wait_until(double seconds, const std::function<bool()>& condition);

// The undisturbed run, made in `directory`. Broken if that fails.
ChaosRun make_chaos_run(std::vector<std::string> launcher, const std::string& directory);

bool same_bytes(const std::string& a, const std::string& b);
std::string read_text(const std::string& path);  // empty without the file

}  // namespace ornstein
