// How long a batch system will let this job run on.
#pragma once

#include <optional>
#include <string>

namespace ornstein {

// Seconds of `squeue -o %L`, "1-02:03:04", "02:03:04", "03:04": none for "UNLIMITED", "INVALID" and
// whatever else is no time.
std::optional<int64_t> seconds_of_slurm_time(const std::string& text);

// Whether less than `seconds` remain of the Slurm job that this process belongs to. Asks `squeue`
// once a minute at most (an operator may have moved the limit), and warns once where it cannot be
// asked. Outside Slurm, and for 0 seconds, never.
class TimeLimit {
 public:
  explicit TimeLimit(int64_t seconds);
  bool near();

 private:
  int64_t seconds_;
  std::string job_;
  double ask_at_ = 0, ends_at_ = 0;  // of the steady clock, seconds
};

}  // namespace ornstein
