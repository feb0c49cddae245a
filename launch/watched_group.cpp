#include "launch/watched_group.h"

#include <mpi.h>

namespace ornstein {

WatchedGroup::WatchedGroup(const MpiSession& session, const Runtime& runtime,
                           const std::string& run) {
  session.together([&] { group_ = make_process_group(MPI_COMM_WORLD, runtime.device, flight_); });
  if (runtime.collective_timeout == 0) return;
  session.together([&] {
    watchdog_.emplace(MPI_COMM_WORLD, flight_, runtime.collective_timeout, run + "/flight");
  });
}

}  // namespace ornstein
