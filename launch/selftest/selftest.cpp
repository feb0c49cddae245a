// `ornstein selftest --chaos`: disturbs small runs on the user's own machine or allocation and says
// which promises held.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <numeric>
#include <sstream>

#include "framework/base/errors.h"
#include "framework/base/log.h"
#include "launch/commands.h"
#include "launch/selftest/cases.h"
#include "launch/selftest/trial.h"

namespace ornstein {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

bool in_slurm() { return std::getenv("SLURM_JOB_ID") != nullptr; }

void refuse_ranks() {
  const char* tasks = std::getenv("SLURM_STEP_NUM_TASKS");
  if (!std::getenv("OMPI_COMM_WORLD_SIZE") && (!tasks || std::atoi(tasks) <= 1)) return;
  throw ConfigError(
      "selftest was started by mpirun or srun (it starts them itself) start it plainly; --launcher "
      "says how it is to start training");
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream words(text);
  return {std::istream_iterator<std::string>(words), {}};
}

// A folder of its own in `parent`; by default where all nodes of an allocation see it.
std::string make_folder(const std::string& parent) {
  std::error_code error;
  fs::path in = parent;
  if (parent.empty()) in = in_slurm() ? fs::current_path(error) : fs::temp_directory_path(error);
  fs::create_directories(in, error);
  std::string path = fs::absolute(in, error) / "ornstein_selftest_XXXXXX";
  if (!mkdtemp(path.data())) {
    throw ConfigError(fmt::format(
        "cannot make a folder in '{}' (it is not there, or not writable) give another --out",
        in.string()));
  }
  return path;
}

// One try; at another moment, of half the time, when the run was over before the fault came: the
// undisturbed run may have been slower.
void make_try(const ChaosCase& it, const ChaosRun& run, const std::string& folder, uint64_t seed) {
  constexpr int kMoments = 4;
  for (int i = 0; i < kMoments; ++i) {
    fs::remove_all(folder);
    Trial trial(run, folder, seed + i);
    trial.part /= 1 << i;
    try {
      it.inject(trial);
      it.judge(trial);
      return;
    } catch (const CameTooLate&) {
    }
  }
  throw Broken(fmt::format("{} times the run ended as if nothing had happened", kMoments));
}

class Selftest {
 public:
  Selftest(const SelftestOptions& options, std::string folder)
      : seed_(options.seed), seconds_(60 * options.minutes), folder_(std::move(folder)) {
    for (ChaosCase& it : chaos_cases()) {
      if (fmt::format("{}: {}", it.promise, it.fault).find(options.only) != std::string::npos)
        rows_.push_back({std::move(it)});
    }
    if (rows_.empty()) {
      throw ConfigError(fmt::format("--only '{}' (no case has these words) leave it out to see all",
                                    options.only));
    }
    // Each promise's first fault, then the others.
    std::set<std::string> seen;
    for (size_t i = 0; i < rows_.size(); ++i)
      if (seen.insert(rows_[i].it.promise).second) order_.push_back(i);
    promises_ = order_.size();
    for (size_t i = 0; i < rows_.size(); ++i)
      if (std::find(order_.begin(), order_.end(), i) == order_.end()) order_.push_back(i);
  }

  // Tries every promise, then goes on for as long as there is time.
  void go(const ChaosRun& run) {
    for (int round = 0; round == 0 || time_is_left(); ++round) {
      for (size_t i = 0; i < order_.size(); ++i)
        if ((round == 0 && i < promises_) || time_is_left()) attempt(order_[i], round, run);
    }
  }

  void print_table() const {
    fmt::print("\n{:<42} {:<46} {}\n", "promise", "fault", "outcome");
    size_t untried = 0;
    for (const Row& row : rows_) {
      const int tries = row.passed + row.failed;
      std::string outcome = row.cannot;
      if (row.failed > 0)
        outcome = fmt::format("FAILED {} of {} times: {}", row.failed, tries, row.why);
      else if (tries > 0)
        outcome = fmt::format("passed {} of {} times, {:.1f} s each", row.passed, tries,
                              row.seconds / tries);
      untried += outcome.empty();
      if (!outcome.empty()) fmt::print("{:<42} {:<46} {}\n", row.it.promise, row.it.fault, outcome);
    }
    if (untried > 0)
      fmt::print("{} more faults were not tried in this time: see --minutes\n", untried);
  }

  int passed() const { return count(&Row::passed); }
  int failed() const { return count(&Row::failed); }
  double seconds() const { return seconds_since(start_); }

 private:
  struct Row {
    ChaosCase it;
    int passed = 0, failed = 0;
    double seconds = 0;       // of all tries
    std::string why, cannot;  // the last failure; why it cannot be tried here
  };

  bool time_is_left() const { return seconds() < seconds_; }

  int count(int Row::*number) const {
    return std::accumulate(rows_.begin(), rows_.end(), 0,
                           [&](int sum, const Row& row) { return sum + row.*number; });
  }

  void attempt(size_t index, int round, const ChaosRun& run) {
    Row& row = rows_[index];
    const auto start = Clock::now();
    const std::string folder = fmt::format("{}/{:02}_{:02}", folder_, index, round);
    std::string outcome = "passed";
    try {
      const uint64_t name = std::hash<std::string>()(row.it.fault);  // --only changes no moments
      make_try(row.it, run, folder, seed_ + name + 1000 * round);
      ++row.passed;
      fs::remove_all(folder);
    } catch (const CannotTry& why) {
      outcome = row.cannot = fmt::format("not tried ({})", why.what());
    } catch (const std::exception& error) {
      ++row.failed;
      row.why = message_of(error);
      outcome = fmt::format("FAILED ({}) see {}", row.why, folder);
    }
    row.seconds += seconds_since(start);
    log_info(
        fmt::format("{:4.0f} s  {}: {}: {}", seconds(), row.it.promise, row.it.fault, outcome));
  }

  const uint64_t seed_;
  const double seconds_;
  const std::string folder_;
  const Clock::time_point start_ = Clock::now();
  std::vector<Row> rows_;
  std::vector<size_t> order_;  // of tries
  size_t promises_ = 0;        // so many of `order_` touch each promise once
};

}  // namespace

int selftest(const SelftestOptions& options) {
  refuse_ranks();
  const auto launcher = words_of(!options.launcher.empty() ? options.launcher
                                 : in_slurm() ? "srun --mpi=pmix --kill-on-bad-exit=1 -n 2"
                                              : "mpirun -n 2 --oversubscribe --bind-to none");
  if (geteuid() == 0) {  // mpirun wants to be told
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 0);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 0);
  }
  const std::string folder = make_folder(options.out);
  Selftest test(options, folder);
  fmt::print("launcher: {}\nseed {}, in {}\n", fmt::join(launcher, " "), options.seed, folder);
  std::fflush(stdout);

  bool good = true, interrupted = false;
  try {
    const ChaosRun run = make_chaos_run(launcher, folder);
    log_info(
        fmt::format("{:4.0f} s  undisturbed run: {} ranks, {:.1f} s, of these {:.1f} s of steps",
                    test.seconds(), run.ranks, run.seconds, run.training_seconds));
    test.go(run);
  } catch (const Interrupted&) {
    fmt::print("\nstopped on request\n");
    interrupted = true;
  } catch (const std::exception& error) {
    fmt::print("\nFAILED: the undisturbed run ({}) see {}/undisturbed.log\n", message_of(error),
               folder);
    good = false;
  }
  if (test.passed() + test.failed() > 0) test.print_table();
  good = good && test.failed() == 0;
  fmt::print("\n{} tries passed, {} FAILED; {:.0f} s, seed {}{}\n", test.passed(), test.failed(),
             test.seconds(), options.seed, good ? "" : ", files in " + folder);
  std::fflush(stdout);
  std::error_code ignored;
  if (good) fs::remove_all(folder, ignored);
  return good && !interrupted ? kDone : kFailed;
}

}  // namespace ornstein
