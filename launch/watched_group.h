// The process group of a command, and the watchdog over its collectives.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "framework/comm/process_group.h"
#include "framework/comm/watchdog.h"
#include "launch/mpi_session.h"
#include "launch/run_parts.h"

namespace ornstein {

class WatchedGroup {
 public:
  // All ranks together; without a watchdog if rank 0's `runtime.collective_timeout` is 0. A rank
  // that finds the others stuck leaves its last operations in RUN/flight/; `cure` ends what it
  // says.
  WatchedGroup(const MpiSession& session, const Runtime& runtime, const std::string& run,
               const std::string& cure);

  operator const ProcessGroup&() const { return group_; }
  void about(const char* phase, int64_t step) const { flight_->about(phase, step); }

 private:
  std::shared_ptr<FlightRecorder> flight_;
  std::optional<Watchdog> watchdog_;
  ProcessGroup group_;  // goes first: it ends in waiting for its collectives
};

}  // namespace ornstein
