#include "launch/watched_group.h"

#include <mpi.h>

#include "framework/comm/check_mpi.h"

namespace ornstein {

WatchedGroup::WatchedGroup(const MpiSession& session, const Runtime& runtime,
                           const std::string& run, const std::string& cure)
    : flight_(session.flight()) {
  double timeout = runtime.collective_timeout;
  check_mpi(MPI_Bcast(&timeout, 1, MPI_DOUBLE, 0, MPI_COMM_WORLD), "MPI_Bcast");
  if (timeout > 0) {
    session.together([&] {
      watchdog_.emplace(MPI_COMM_WORLD, flight_, Watchdog::Options{timeout, run + "/flight", cure});
    });
    watchdog_->start();
  }
  session.together([&] { group_ = make_process_group(MPI_COMM_WORLD, runtime.device, flight_); });
}

}  // namespace ornstein
