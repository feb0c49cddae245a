// What watching costs a training step: the flight recorder a collective, the heartbeat a second,
// and both together in steps of 20 ms with four all-reduces, with and without a watchdog in turn.
#include <mpi.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <memory>

#include "framework/comm/check_mpi.h"
#include "framework/comm/process_group.h"
#include "framework/comm/watchdog.h"
#include "launch/signals.h"

namespace ornstein {
namespace {

constexpr int kRounds = 10, kSteps = 100, kCollectives = 4;
constexpr double kStep = 0.02, kIdle = 10;  // seconds

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double processor_seconds() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Nanoseconds of what a collective is noted with, and a step asks.
double recorder_nanoseconds() {
  FlightRecorder flight;
  constexpr int kTimes = 1'000'000;
  const double begun = now();
  for (int i = 0; i < kTimes; ++i) {
    flight.begin("all-reduce", i);
    flight.end();
  }
  return 1e9 * (now() - begun) / kTimes;
}

double flag_nanoseconds() {
  constexpr int kTimes = 10'000'000;
  int asked = 0;
  const double begun = now();
  for (int i = 0; i < kTimes; ++i) asked += stop_requested();
  return asked + 1e9 * (now() - begun) / kTimes;
}

// Nothing hangs here: it only watches.
std::unique_ptr<Watchdog> watch(const std::shared_ptr<FlightRecorder>& flight) {
  auto watchdog =
      std::make_unique<Watchdog>(MPI_COMM_WORLD, flight, Watchdog::Options{600, "flight", ""});
  watchdog->start();
  return watchdog;
}

// Seconds of one step, on average.
double steps(const ProcessGroup& group, FlightRecorder& flight, const at::Tensor& a, int products) {
  at::Tensor gradient = at::ones({1 << 16});
  const double begun = now();
  for (int step = 0; step < kSteps; ++step) {
    flight.about("training", step);
    for (int i = 0; i < products; ++i) at::mm(a, a);
    for (int i = 0; i < kCollectives; ++i) all_reduce_sum(group, gradient);
  }
  return (now() - begun) / kSteps;
}

void run() {
  at::set_num_threads(1);
  const auto flight = std::make_shared<FlightRecorder>();
  const ProcessGroup group = make_process_group(MPI_COMM_WORLD, at::kCPU, flight);
  const bool first = rank(group) == 0;

  const double recorder = recorder_nanoseconds(), flag = flag_nanoseconds();
  double heartbeat = 0;
  {
    const auto watchdog = watch(flight);
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const double before = processor_seconds();
    std::this_thread::sleep_for(std::chrono::duration<double>(kIdle));
    heartbeat = (processor_seconds() - before) / kIdle;
  }
  const at::Tensor a = at::randn({384, 384});
  at::mm(a, a);
  const double begun = now();
  for (int i = 0; i < 20; ++i) at::mm(a, a);
  at::Tensor products =
      at::tensor({std::max(1.0, std::round(kStep / ((now() - begun) / 20)))}, at::kDouble);
  broadcast(group, products);
  const int count = static_cast<int>(products.item<double>());

  std::vector<double> ratios;
  for (int round = 0; round < kRounds; ++round) {
    const double without = steps(group, *flight, a, count);
    const auto watchdog = watch(flight);
    ratios.push_back(steps(group, *flight, a, count) / without);
  }
  if (!first) return;
  const double per_step =
      1e-9 * (kCollectives * recorder + flag) + heartbeat * kStep;  // seconds of one core
  std::printf(
      "recorder: %.0f ns a collective\nstop flag: %.1f ns a step\nheartbeat: %.2f ms of one core a "
      "second\ntogether, of a %.0f ms step with %d collectives: %.3f %%\n"
      "steps with a watchdog / without, median of %d rounds in turn: %.4f\n",
      recorder, flag, 1e3 * heartbeat, 1e3 * kStep, kCollectives, 100 * per_step / kStep, kRounds,
      median(ratios));
}

}  // namespace
}  // namespace ornstein

int main(int argc, char** argv) {
  int level = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &level);
  ornstein::require_thread_level(level);
  ornstein::run();
  MPI_Finalize();
  return 0;
}
