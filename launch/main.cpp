#include <c10/util/Logging.h>
#include <malloc.h>

#include "framework/base/errors.h"
#include "framework/base/fault_point.h"
#include "framework/base/log.h"
#include "launch/commands.h"
#include "launch/mpi_session.h"
#include "launch/options.h"
#include "launch/signals.h"

namespace {

// glibc maps and unmaps every large tensor of every step by default; keeping the memory saves a
// quarter of a training step on large batches. One arena, since one thread computes.
void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 2'000'000'000);
  mallopt(M_TOP_PAD, 64 << 20);
  mallopt(M_ARENA_MAX, 1);
}

// LibTorch's warnings come with stack traces; what a rank that lost its peers has to say is one
// line.
void hear_errors_only() {
  if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) FLAGS_caffe2_log_level = 2;
}

int report(const std::exception& error) {
  ornstein::log_any_rank(ornstein::message_of(error));
  return ornstein::exit_code_of(error);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace ornstein;
  install_signal_handlers();
  keep_freed_memory();
  hear_errors_only();
  at::set_num_threads(1);
  try {
    read_faults();
    const Command command = parse_command_line({argv + 1, argv + argc});
    const Catalogue catalogue;
    if (!command.stops_on_request) restore_signal_handlers();
    if (!command.needs_mpi) return command.run(catalogue, nullptr);
    const MpiSession session(&argc, &argv);
    try {
      return command.run(catalogue, &session);
    } catch (const MpiSession::Quiet& quiet) {
      return quiet.exit_code;
    } catch (const std::exception& error) {  // agreed on by all ranks: they all leave
      return report(error);
    }
  } catch (const MpiSession::Quiet& quiet) {  // a wrong launch, of which another rank speaks
    return quiet.exit_code;
  } catch (const std::exception& error) {
    return report(error);
  }
}
