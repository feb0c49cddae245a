#include "framework/training/metrics_window.h"

namespace ornstein {

void MetricsWindow::add(const StepReport& report) {
  seconds_["data"] += report.data_seconds;
  seconds_["compute"] += report.compute_seconds;
  seconds_["communicate"] += report.communicate_seconds;
  seconds_["optimise"] += report.optimise_seconds;
  if (report.skipped) {
    ++skipped_;
    return;
  }
  const auto add = [this](const std::string& name, double value) {
    sums_[name].first += value;
    ++sums_[name].second;
  };
  learning_rate_ = report.learning_rate;
  add("loss", report.loss);
  double squares = 0;
  for (const auto& [group, norm] : report.grad_norms) {
    squares += norm * norm;
    if (report.grad_norms.size() > 1) add("grad_norm_" + group, norm);
  }
  add("grad_norm", std::sqrt(squares));
  for (const auto& [term, value] : report.terms) add(term, value);
}

JsonLine MetricsWindow::line(int64_t step, int64_t samples, double samples_per_second,
                             std::map<std::string, double>& scalars) const {
  JsonLine line;
  line.add("step", step).add("samples", samples);
  const auto add = [&](const std::string& name, double value) {
    line.add(name, value);
    scalars[name] = value;
  };
  for (const char* name : {"loss", "grad_norm"}) add(name, mean(name));
  add("learning_rate", learning_rate_);
  add("samples_per_second", samples_per_second);
  JsonLine seconds;
  for (const char* name : {"data", "compute", "communicate", "optimise", "checkpoint"}) {
    const auto found = seconds_.find(name);
    seconds.add(name, found == seconds_.end() ? 0.0 : found->second);
  }
  line.add("seconds", seconds);
  for (const auto& [name, sum] : sums_) {
    if (name != "loss" && name != "grad_norm") add(name, mean(name));
  }
  if (skipped_ > 0) line.add("skipped_steps", skipped_);
  return line;
}

double MetricsWindow::mean(const std::string& name) const {
  const auto found = sums_.find(name);
  return found == sums_.end() ? std::nan("")
                              : found->second.first / static_cast<double>(found->second.second);
}

}  // namespace ornstein
