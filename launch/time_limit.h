// How long a batch system will let this job run on.
#pragma once

#include <future>
#include <limits>
#include <optional>
#include <string>

namespace ornstein {

// Seconds of `squeue -o %L`, "1-02:03:04", "02:03:04", "03:04": none for "UNLIMITED", "INVALID" and
// whatever else is no time.
std::optional<int64_t> seconds_of_slurm_time(const std::string& text);

// Whether less than `seconds` remain of the Slurm job that this process belongs to. Asks `squeue`
// once a minute (an operator may have moved the limit), in a thread and for 10 s at most; until it
// answers the last answer holds, and one line warns. Outside Slurm, and for 0 seconds, never.
class TimeLimit {
 public:
  explicit TimeLimit(int64_t seconds);
  bool near();

 private:
  int64_t seconds_;
  std::string job_;
  std::future<std::string> answer_;
  bool warned_ = false;
  double ask_at_ = 0;  // of the steady clock, seconds
  double ends_at_ = std::numeric_limits<double>::infinity();
};

}  // namespace ornstein
