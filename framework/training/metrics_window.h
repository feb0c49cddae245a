// What the log says of the steps since its last line: their means, and where the time went.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "framework/config/json_line.h"
#include "framework/training/training_loop.h"

namespace ornstein {

class MetricsWindow {
 public:
  void add(const StepReport& report);  // a skipped step counts as skipped, and in no mean
  void add_checkpoint_seconds(double seconds) { seconds_["checkpoint"] += seconds; }

  // One line of metrics.jsonl (design, section 2); `scalars` receives the same for TensorBoard.
  JsonLine line(int64_t step, int64_t samples, double samples_per_second,
                std::map<std::string, double>& scalars) const;

 private:
  double mean(const std::string& name) const;  // NaN if every step was skipped

  std::map<std::string, std::pair<double, int64_t>> sums_;  // sum, count
  std::map<std::string, double> seconds_;
  double learning_rate_ = 0;  // of the last step
  int64_t skipped_ = 0;
};

}  // namespace ornstein
