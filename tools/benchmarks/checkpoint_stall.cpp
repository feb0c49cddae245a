// How long training stands still for a checkpoint of 500 MB: written before the next step, and by
// the CheckpointWriter while the next steps run. Both in turn, in one run; medians over rounds.
// "stall" is the time inside the call. "lost" is what a fixed number of steps around it took longer
// than the same steps alone: it also holds what the writing thread took from the computing one.
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "framework/checkpoint/checkpoint_writer.h"

namespace ornstein {
namespace {

constexpr int kRounds = 5;
constexpr int64_t kTensors = 40, kElements = 500'000'000 / 4 / kTensors;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Checkpoint large_checkpoint() {
  Checkpoint checkpoint;
  checkpoint.config = checkpoint.data_spec = "{}";
  for (int64_t i = 0; i < kTensors; ++i)
    checkpoint.tensors.push_back(
        {fmt::format("/trainer/network/{:02}", i), at::randn({kElements})});
  return checkpoint;
}

// About 20 ms of one core.
class Step {
 public:
  Step() {
    const double begun = now();
    for (int i = 0; i < 20; ++i) at::mm(a_, a_);
    products_ = std::max(1, static_cast<int>(0.02 / ((now() - begun) / 20)));
  }
  void operator()() const {
    for (int i = 0; i < products_; ++i) at::mm(a_, a_);
  }

 private:
  const at::Tensor a_ = at::randn({384, 384});
  int products_ = 1;
};

int run(const std::string& folder) {
  at::set_num_threads(1);
  Checkpoint checkpoint = large_checkpoint();
  CheckpointDirectory directory(folder, 1, 0);
  CheckpointWriter writer(directory);
  const Step step;
  const auto timed = [](const auto& work) {
    const double begun = now();
    work();
    return now() - begun;
  };
  const auto steps = [&](int count) {
    for (int i = 0; i < count; ++i) step();
  };
  ++checkpoint.step;
  writer.write(checkpoint);  // the first takes the memory for the copy
  writer.finish();

  std::vector<double> synchronous, stall, lost;
  for (int round = 0; round < kRounds; ++round) {
    ++checkpoint.step;
    synchronous.push_back(timed([&] { directory.write(checkpoint); }));
    const int covering = std::max(1, static_cast<int>(2 * synchronous.back() / 0.02));
    const double alone = timed([&] { steps(covering); });
    ++checkpoint.step;
    double inside = 0;
    const double with = timed([&] {
      inside = timed([&] { writer.write(checkpoint); });
      steps(covering);
      writer.finish();
    });
    stall.push_back(inside);
    lost.push_back(with - alone);
    std::printf("round %d: synchronous %.3f s, stall %.3f s, lost %.3f s\n", round,
                synchronous.back(), inside, lost.back());
  }
  const double whole = median(synchronous);
  std::printf("\nstall / synchronous write: %.1f %%\nlost / synchronous write: %.1f %%\n",
              100 * median(stall) / whole, 100 * median(lost) / whole);
  return 0;
}

}  // namespace
}  // namespace ornstein

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: benchmark_checkpoint_stall FOLDER\n");
    return 2;
  }
  return ornstein::run(argv[1]);
}
