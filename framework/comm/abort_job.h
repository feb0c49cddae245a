#pragma once

#include <exception>

#include "framework/base/errors.h"

namespace ornstein {

// The end of a rank that failed while others may be waiting for it: says rank and message on
// standard error and ends all ranks of the job (MPI_Abort), whatever they are doing. Works
// without MPI, too. Whatever went wrong, it went wrong while running: kFailed unless told
// otherwise.
//
// Call it where the process group still lives: unwinding past one waits for the collectives that
// are under way, and so perhaps for ever.
[[noreturn]] void abort_job(const std::exception& error, ExitCode code = kFailed);

}  // namespace ornstein
