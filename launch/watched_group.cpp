#include "launch/watched_group.h"

#include <mpi.h>

#include "framework/base/errors.h"
#include "framework/base/host_name.h"
#include "framework/comm/check_mpi.h"
#include "launch/device_choice.h"

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
  const std::vector<std::string> conflicts =
      device_conflicts(gather_seats({host_name(), runtime.bus}));
  session.together([&] {
    if (!conflicts.empty()) throw ConfigError(conflicts.front());
    group_ = make_process_group(MPI_COMM_WORLD, runtime.device, flight_, timeout, run + "/flight");
  });
}

}  // namespace ornstein
