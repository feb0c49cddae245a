// Every MPI call goes through one checker.
#pragma once

#include <mpi.h>

namespace ornstein {

// Throws CommError "CALL failed (MPI's own text)" unless `code` is MPI_SUCCESS. MPI returns codes
// only on communicators with MPI_ERRORS_RETURN; on others it ends the job by itself.
void check_mpi(int code, const char* call);

// Throws CommError when MPI_Init_thread provided less than MPI_THREAD_SERIALIZED: a thread other
// than the one that started MPI makes the collective calls. Ask for MPI_THREAD_MULTIPLE where two
// process groups, or a process group and another user of MPI, are busy at the same time.
void require_thread_level(int provided);

}  // namespace ornstein
