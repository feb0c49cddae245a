// What `evaluate` reports.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace ornstein {

struct Figure {
  std::string name;  // "nll", "nll_bound", "nll_bits_per_dim", ...
  double value = 0;
  double standard_error = 0;  // 0: exact, or not known
  std::string unit;           // "nats", "bits per dimension", ...
};

// Mean of independent values [n] with its standard error.
Figure mean_figure(const std::string& name, const at::Tensor& values, const std::string& unit);

}  // namespace ornstein
