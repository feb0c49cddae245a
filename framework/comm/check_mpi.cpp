#include "framework/comm/check_mpi.h"

#include "framework/base/errors.h"

namespace ornstein {

void check_mpi(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw CommError(fmt::format(
      "{} failed ({}) look for a rank or host that is gone, then start again with --resume", call,
      std::string_view(text, length)));
}

void require_thread_level(int provided) {
  if (provided >= MPI_THREAD_SERIALIZED) return;
  throw CommError(
      fmt::format("MPI gives thread level {} (MPI_THREAD_SERIALIZED = {} is needed) "
                  "use an MPI built with thread support",
                  provided, int{MPI_THREAD_SERIALIZED}));
}

}  // namespace ornstein
