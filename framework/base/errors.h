// Mistakes of the world. Messages read "problem (why) cure" and name the JSON path, file or data
// set. A caller's mistake in code is a TORCH_CHECK instead.
#pragma once

#include <stdexcept>
#include <string>

namespace ornstein {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct ConfigError : Error {  // arguments or configuration: exit code 2
  using Error::Error;
};

struct DataError : Error {  // a data file: exit code 2
  using Error::Error;
};

struct CheckpointError : Error {  // a checkpoint that is damaged or does not fit: exit code 1
  using Error::Error;
};

struct CommError : Error {  // MPI, or ranks that disagree: exit code 1
  using Error::Error;
};

struct StopRequested : Error {  // thrown by all ranks alike: exit code 75
  StopRequested() : Error("stopped on request: start again with --resume") {}
};

// The whole program's exit codes (design, section 1).
// kHung: the watchdog ended a job that stood still.
enum ExitCode : int { kDone = 0, kFailed = 1, kUserMistake = 2, kStopped = 75, kHung = 86 };

// kUserMistake for ConfigError and DataError, else kFailed.
ExitCode exit_code_of(const std::exception& error);

// What an error says, in one line: without the backtrace that LibTorch adds to its own.
std::string message_of(const std::exception& error);

}  // namespace ornstein
