// Faults that the environment asks for, in tests and in `ornstein selftest --chaos`:
//
//   ORNSTEIN_FAULT=ACTION@POINT[:PASSAGE][/RANK][,...]      kill@checkpoint.rename:2/0
//
// PASSAGE: which passage of the point in this process is hit (from 1, the default), or of data.row
// which row of the training set, whenever it comes. RANK: on that
// rank alone (set_log_rank's), on every rank without. ACTION: kill (SIGKILL), stop (SIGSTOP), sleep
// (for ever) and throw (an Error) happen inside; EACCES, EDQUOT, EIO, ENOSPC, EROFS and `on` are
// returned, for the caller to fail as its system call would.
#pragma once

#include <cstdint>

namespace ornstein {

inline constexpr int kFaultOn = -1;

// Reads ORNSTEIN_FAULT; all passages are counted from here. ConfigError if it is malformed or names
// no point. Before the first call no fault happens.
void read_faults();

// 0: go on. Else an errno, or kFaultOn. Safe from any thread; one load when no fault is asked for.
int fault_point(const char* point);

// The same of a point whose passages bear numbers of their own, from 0: always hit at `number`.
int fault_at(const char* point, int64_t number);

}  // namespace ornstein
