#include "launch/selftest/trial.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "framework/base/errors.h"
#include "framework/checkpoint/checkpoint_file.h"
#include "framework/config/json_line.h"
#include "launch/signals.h"

namespace ornstein {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point a, Clock::time_point b) {
  return std::chrono::duration<double>(b - a).count();
}

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

// Launchers differ in what they pass on of the environment; `env` under them does not.
std::vector<std::string> training_command(const ChaosRun& run, const std::string& directory,
                                          const std::string& faults,
                                          const std::vector<std::string>& settings) {
  std::vector<std::string> command = run.launcher;
  command.insert(command.end(), {"env", "-u", "ORNSTEIN_FAULT", "OMP_NUM_THREADS=1"});
  if (!faults.empty()) command.push_back("ORNSTEIN_FAULT=" + faults);
  command.insert(command.end(),
                 {run.program, "train", run.configuration, "--out", directory, "--resume"});
  for (const std::string& setting : settings) command.insert(command.end(), {"--set", setting});
  return command;
}

}  // namespace

std::string ChaosRun::last_checkpoint() const {
  return fmt::format("{}/checkpoints/step_{:08}.h5", directory, kSteps);
}

void promise(bool kept, const std::string& otherwise) {
  if (!kept) throw Broken(otherwise);
}

bool wait_until(double seconds, const std::function<bool()>& condition) {
  const auto start = Clock::now();
  while (!condition()) {
    if (stop_requested()) throw Interrupted{};
    if (seconds_between(start, Clock::now()) > seconds) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool same_bytes(const std::string& a, const std::string& b) {
  return fs::exists(a) && fs::exists(b) && read_text(a) == read_text(b);
}

Trial::Trial(const ChaosRun& run, const std::string& directory, uint64_t seed)
    : run_(run), directory_(directory), random_(seed) {
  fs::create_directories(directory_);
}

Trial::~Trial() { sweep(); }

int64_t Trial::draw(int64_t least, int64_t most) {
  return least + static_cast<int64_t>(random_() % static_cast<uint64_t>(most - least + 1));
}

void Trial::copy_undisturbed() {
  fs::copy(run_.directory, directory(), fs::copy_options::recursive);
}

void Trial::start(const std::string& faults, const std::vector<std::string>& settings) {
  fs::remove(log_file());
  child_ = std::make_unique<ChildProcess>(training_command(run_, directory(), faults, settings),
                                          log_file());
  start_clock();
}

void Trial::wait_for_training() {
  const auto trains = [&] {
    std::error_code missing;
    const auto size = fs::file_size(directory() + "/metrics.jsonl", missing);
    return !missing && size > 0;
  };
  const bool came = wait_until(patience(), [&] { return trains() || child_->exit_code(); });
  promise(came, "training did not begin in time");
  if (!trains()) finish();
  promise(trains(), fmt::format("training did not begin (exit code {})", code_));
  start_clock();
}

void Trial::wait_for_some_moment() {
  wait_for_training();
  wait(run_.training_seconds * part * static_cast<double>(draw(0, 1000)) / 1000);
  if (child_->exit_code()) throw CameTooLate{};
}

void Trial::wait(double seconds) const {
  wait_until(seconds, [] { return false; });
}

void Trial::signal_launcher(int number) {
  child_->signal(number);
  start_clock();
}

void Trial::signal_rank(int number, int which) {
  for (const RankProcess& process : processes())
    if (process.rank == which) ::kill(process.pid, number);
  start_clock();
}

int Trial::some_rank_of_this_host() {
  const auto found = processes();
  if (found.empty() && child_->exit_code()) throw CameTooLate{};
  if (found.empty()) throw CannotTry("no rank runs on this host");
  return found[draw(0, static_cast<int64_t>(found.size()) - 1)].rank;
}

void Trial::finish(double limit) {
  const auto ended = [&] {
    return child_->exit_code() && !child_->group_is_alive() && processes().empty();
  };
  const double left = limit - seconds_between(clock_, Clock::now());
  const bool in_time = wait_until(left, ended);
  ended_ = Clock::now();
  log_ = read_text(log_file());
  if (!in_time) {
    std::string who;
    for (const RankProcess& process : processes())
      who += fmt::format(", rank {} (process {})", process.rank, process.pid);
    if (!child_->exit_code()) who += ", the launcher";
    sweep();
    promise(false, fmt::format("after {:.0f} s there still ran{}", limit,
                               who.empty() ? " a process of the launcher" : who.substr(1)));
  }
  code_ = *child_->exit_code();
}

double Trial::seconds() const { return seconds_between(clock_, ended_); }

void Trial::require_whole_checkpoints(int64_t least) const {
  int64_t whole = 0;
  if (fs::exists(checkpoints())) {
    for (const auto& entry : fs::directory_iterator(checkpoints())) {
      const std::string name = entry.path().filename();
      if (!name.starts_with("step_") || !name.ends_with(".h5")) continue;
      try {
        verify_checkpoint(entry.path());
      } catch (const CheckpointError& error) {
        throw Broken(message_of(error));
      }
      ++whole;
    }
  }
  promise(whole >= least,
          fmt::format("{} whole checkpoints where there should be at least {}", whole, least));
}

void Trial::resume_as_undisturbed() {
  start();
  finish();
  promise(code_ == kDone, fmt::format("--resume ended with exit code {}", code_));
  const std::string last = fs::path(run_.last_checkpoint()).filename();
  promise(same_bytes(checkpoints() + "/" + last, run_.last_checkpoint()),
          "after --resume " + last + " differs from the undisturbed run's");
  int64_t expected = 0;
  for (const std::string& line : lines_of(directory() + "/metrics.jsonl")) {
    expected += ChaosRun::kLogEvery;
    promise(integer_in_json(line, "step") == expected,
            fmt::format("metrics.jsonl lacks step {}, or has it twice", expected));
  }
  promise(expected == ChaosRun::kSteps, "metrics.jsonl ends too early");
}

void Trial::sweep() {
  if (!child_) return;
  const auto all_ended = [&] { return child_->exit_code() && processes().empty(); };
  const auto wait_for_all = [&](double seconds) {
    const auto start = Clock::now();  // also when the user has asked to stop
    while (!all_ended() && seconds_between(start, Clock::now()) < seconds)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
  };
  if (!all_ended()) {
    child_->signal(SIGTERM);  // the launcher ends what runs on other hosts
    wait_for_all(6);
  }
  for (const RankProcess& process : processes()) ::kill(process.pid, SIGKILL);
  child_->kill_group();
  wait_for_all(2);
}

ChaosRun make_chaos_run(std::vector<std::string> launcher, const std::string& directory) {
  ChaosRun run;
  run.launcher = std::move(launcher);
  run.program = fs::read_symlink("/proc/self/exe");
  run.configuration = directory + "/selftest.json";
  std::ofstream(run.configuration) << ChaosRun::kConfiguration;
  run.seconds = 120;  // patience for this one
  Trial trial(run, directory, 0);
  trial.use("undisturbed");
  const auto start = Clock::now();
  trial.start();
  trial.wait_for_training();
  trial.finish();
  const auto end = Clock::now();
  promise(trial.code() == kDone, fmt::format("exit code {}", trial.code()));
  run.directory = trial.directory();
  run.training_seconds = trial.seconds();
  run.seconds = seconds_between(start, end);
  const auto provenance = lines_of(run.directory + "/provenance.jsonl");
  run.ranks = provenance.empty() ? 0 : static_cast<int>(*integer_in_json(provenance[0], "ranks"));
  promise(run.ranks > 1, fmt::format("{} rank (two or more are needed)", run.ranks));
  trial.require_whole_checkpoints(3);
  run.tensors = static_cast<int64_t>(read_checkpoint(run.last_checkpoint()).tensors.size());
  return run;
}

}  // namespace ornstein
