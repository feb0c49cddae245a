// What a person sees of a run: on a terminal one line that renews itself, else plain lines at a
// sensible cadence.
#pragma once

#include <chrono>
#include <cstdint>

namespace ornstein {

class Progress {
 public:
  Progress(int64_t first_step, int64_t steps, int64_t rows_a_step);
  void show(int64_t step, double loss);  // cheap: decides by the clock whether to print
  void finish();                         // ends the terminal's line

 private:
  using Clock = std::chrono::steady_clock;
  const int64_t steps_, rows_a_step_;
  const bool terminal_;
  Clock::time_point last_print_, last_time_;
  int64_t last_step_;
  double rate_ = 0;
  double pause_ = 0;  // seconds until the next plain line; doubles up to a minute
  bool line_open_ = false;
};

}  // namespace ornstein
