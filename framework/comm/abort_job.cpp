#include "framework/comm/abort_job.h"

#include <mpi.h>

#include <cstdlib>

#include "framework/base/errors.h"
#include "framework/base/log.h"

namespace ornstein {

void abort_job(const std::exception& error, ExitCode code) {
  log_any_rank(message_of(error));
  int started = 0, ended = 0;
  MPI_Initialized(&started);
  MPI_Finalized(&ended);
  if (started && !ended) MPI_Abort(MPI_COMM_WORLD, code);
  std::_Exit(code);
}

}  // namespace ornstein
