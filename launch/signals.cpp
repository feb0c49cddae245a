#include "launch/signals.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <initializer_list>

#include "framework/base/errors.h"

namespace ornstein {
namespace {

// Slurm sends TERM twice, up to some tenths of a second apart, when it preempts a job.
constexpr int64_t kOneRequest = 1'000'000'000;  // ns

std::atomic<int64_t> first = 0;  // ns of the monotonic clock; lock-free: fit for a handler

void on_signal(int) {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  const int64_t now = time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec;
  int64_t before = 0;
  if (!first.compare_exchange_strong(before, now) && now - before > kOneRequest) _exit(kFailed);
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (const int number : {SIGUSR1, SIGTERM, SIGINT}) sigaction(number, &action, nullptr);
}

void restore_signal_handlers() {
  for (const int number : {SIGUSR1, SIGTERM, SIGINT}) ::signal(number, SIG_DFL);
}

bool stop_requested() { return first != 0; }

}  // namespace ornstein
