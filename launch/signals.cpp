#include "launch/signals.h"

#include <signal.h>
#include <unistd.h>

#include <initializer_list>

#include "framework/base/errors.h"

namespace ornstein {
namespace {

volatile sig_atomic_t requests = 0;

void on_signal(int) {
  requests = requests + 1;
  if (requests > 1) _exit(kFailed);
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

bool stop_requested() { return requests > 0; }

}  // namespace ornstein
