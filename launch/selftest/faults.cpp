#include "launch/selftest/faults.h"

#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "framework/checkpoint/checkpoint_file.h"

namespace ornstein {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kCheckpoints = ChaosRun::kSteps / ChaosRun::kCheckpointEvery;

std::vector<std::string> closely() {
  return {fmt::format("runtime.collective_timeout={}", ChaosRun::kCollectiveTimeout)};
}

// Until rank 0 sleeps in the writing of a checkpoint, so that a request to stop cannot be met.
void sleep_in_a_checkpoint(Trial& t) {
  t.moment = t.draw(1, 3);
  t.start(fmt::format("sleep@checkpoint.sync:{}/0", t.moment));
  const std::string partial = partial_path(
      fmt::format("{}/step_{:08}.h5", t.checkpoints(), t.moment * ChaosRun::kCheckpointEvery));
  const bool came = wait_until(t.patience(), [&] { return fs::exists(partial); });
  promise(came, "checkpoint.sync was not reached");
  t.wait(0.2);
  t.rank = t.some_rank_of_this_host();
}

}  // namespace

ChaosAct to_launcher(int number) {
  return [=](Trial& t) {
    t.start();
    t.wait_for_some_moment();
    t.signal_launcher(number);
  };
}

ChaosAct to_a_rank(int number) {
  return [=](Trial& t) {
    t.start();
    t.wait_for_some_moment();
    t.rank = t.some_rank_of_this_host();
    t.signal_rank(number, t.rank);
  };
}

void kill_all(Trial& t) {
  t.start();
  t.wait_for_some_moment();
  t.signal_launcher(SIGKILL);
  for (const RankProcess& process : t.processes()) ::kill(process.pid, SIGKILL);
}

void twice_to_launcher(Trial& t) {
  sleep_in_a_checkpoint(t);
  t.signal_launcher(SIGUSR1);
  t.wait(1.3);
  t.signal_launcher(SIGUSR1);
}

void twice_to_a_rank(Trial& t) {
  sleep_in_a_checkpoint(t);
  t.signal_rank(SIGUSR1, t.rank);
  t.wait(1.3);
  t.signal_rank(SIGUSR1, t.rank);
}

ChaosAct in_a_step(const std::string& action, const std::string& point) {
  return [=](Trial& t) {
    t.rank = t.draw_rank();
    t.moment = t.draw(20, ChaosRun::kSteps - 20);
    t.start(fmt::format("{}@{}:{}/{}", action, point, t.moment, t.rank));
  };
}

ChaosAct watched(const std::string& action, const std::string& point) {
  return [=](Trial& t) {
    t.rank = t.draw_rank();
    t.moment = t.draw(60, 400);
    t.start(fmt::format("{}@{}:{}/{}", action, point, t.moment, t.rank), closely());
    t.wait_for_training();
  };
}

void stop_by_signal(Trial& t) {
  t.start("", closely());
  t.wait_for_some_moment();
  t.rank = t.some_rank_of_this_host();
  t.signal_rank(SIGSTOP, t.rank);
}

ChaosAct in_a_checkpoint(const std::string& action, const std::string& point, int64_t least) {
  return [=](Trial& t) {
    t.moment = t.draw(least, kCheckpoints - 1);  // which checkpoint
    const int64_t passage = point == "checkpoint.tensor"
                                ? (t.moment - 1) * t.run().tensors + t.draw(1, t.run().tensors)
                                : t.moment;
    t.start(fmt::format("{}@{}:{}/0", action, point, passage));
  };
}

void fail_to_remove(Trial& t) {
  t.start(fmt::format("EIO@checkpoint.prune:{}/0", t.draw(1, kCheckpoints - ChaosRun::kKeepLast)));
}

void flip_a_bit(Trial& t, const std::string& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const int64_t place = t.draw(0, static_cast<int64_t>(fs::file_size(path)) - 1);
  file.seekg(place);
  const char byte = static_cast<char>(file.get() ^ (1 << t.draw(0, 7)));
  file.seekp(place);
  file.put(byte);
}

void truncate(Trial& t, const std::string& path) {
  fs::resize_file(path, t.draw(1, static_cast<int64_t>(fs::file_size(path)) - 1));
}

void make_empty(Trial&, const std::string& path) { fs::resize_file(path, 0); }

ChaosAct to_newest(Damage damage, size_t count) {
  return [=](Trial& t) {
    t.copy_undisturbed();
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(t.checkpoints()))
      if (entry.path().extension() == ".h5") files.push_back(entry.path());
    std::sort(files.rbegin(), files.rend());
    for (size_t i = 0; i < std::min(count, files.size()); ++i) damage(t, files[i]);
  };
}

void fail_to_read(Trial& t) {
  t.copy_undisturbed();
  t.start("EIO@checkpoint.read");
}

void poison_many_steps(Trial& t) {
  const int64_t after = t.draw(2, kCheckpoints - 1) * ChaosRun::kCheckpointEvery;
  t.rank = t.draw_rank();
  t.moment = after + t.draw(1, ChaosRun::kCheckpointEvery - ChaosRun::kMaxSkipped - 2);
  std::vector<std::string> faults;
  for (int64_t i = 0; i <= ChaosRun::kMaxSkipped; ++i)
    faults.push_back(fmt::format("on@training.loss:{}/{}", t.moment + i, t.rank));
  t.start(fmt::format("{}", fmt::join(faults, ",")));
}

}  // namespace ornstein
