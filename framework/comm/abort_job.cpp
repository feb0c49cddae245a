#include "framework/comm/abort_job.h"

#include <mpi.h>

#include <cstdlib>

#include "framework/base/errors.h"
#include "framework/base/log.h"

namespace ornstein {

void abort_job(const std::exception& error) {
  const auto* from_torch = dynamic_cast<const c10::Error*>(&error);
  log_any_rank(from_torch ? from_torch->what_without_backtrace() : error.what());
  const bool mistake =
      dynamic_cast<const ConfigError*>(&error) || dynamic_cast<const DataError*>(&error);
  const int code = mistake ? kUserMistake : kFailed;
  int started = 0, ended = 0;
  MPI_Initialized(&started);
  MPI_Finalized(&ended);
  if (started && !ended) MPI_Abort(MPI_COMM_WORLD, code);
  std::_Exit(code);
}

}  // namespace ornstein
