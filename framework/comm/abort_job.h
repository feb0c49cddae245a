#pragma once

#include <exception>

namespace ornstein {

// The end of a rank that failed while others may be waiting for it: says rank and message on
// standard error and ends all ranks of the job (MPI_Abort), whatever they are doing. The exit code
// is kUserMistake for ConfigError and DataError, else kFailed. Works without MPI, too.
//
// Call it where the process group still lives: unwinding past one waits for the collectives that
// are under way, and so perhaps for ever.
[[noreturn]] void abort_job(const std::exception& error);

}  // namespace ornstein
