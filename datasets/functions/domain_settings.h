// What `data import functions --set dataset.key=value` says of the domain, where the source does
// not.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "framework/config/config_reader.h"

namespace ornstein::functions {

// Keys:
//   extent  [from, to], or [from, to, from, to] of two axes: the first and the last point ([0, 1])
//   period  [L], or [L, L] of two axes; 0: not periodic. A periodic axis without coordinates of its
//           own has the points from + j L/n; its extent, where given, is one period long
class DomainSettings {
 public:
  explicit DomainSettings(const ConfigReader& settings);

  // Regular points of each axis, [n] float64. ConfigError when the keys are of other axes.
  std::vector<at::Tensor> axes(const std::vector<int64_t>& points) const;

  bool has_extent() const { return !extent_.empty(); }
  // ConfigError when it is given beside coordinates that `what` has.
  void refuse_extent(const std::string& what) const;

  // One an axis, or empty.
  std::vector<double> period(int64_t axes) const;

 private:
  ConfigReader settings_;
  std::vector<double> extent_, period_;
};

}  // namespace ornstein::functions
