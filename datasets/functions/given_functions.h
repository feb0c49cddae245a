// What samples of functions are conditioned on: a file of functions (design, section 3) of which
// only some may be known. It holds `values` [N, C, n(, m)] at `coordinates`, NaN where a value is
// not known (the same points in all rows and channels), or `condition` [N, K], or both.
#pragma once

#include <memory>
#include <string>

#include "framework/data/dataset.h"

namespace ornstein::functions {

// The `coordinates` of a file, which may hold nothing else: [n, 1] or [n, m, 2] float32, rising.
// DataError naming the file; ConfigError where they have other axes than the run, or an axis that
// is not periodic begins or ends farther from the run's than the spacing of its coarsest grid.
at::Tensor read_grid(const std::string& file, const DataSpec& spec);

// Rows with x [b, C, n(, m)] and mask [b, n(, m)] on the samples' grid `coordinates`, true at the
// points of the file, zeros elsewhere; without `values` neither. `condition` [b, K] if the file has
// one. `spec` is the run's. DataError naming the file; ConfigError where it does not fit the run,
// or a point of it is none of the grid's (to a thousandth of the distance to the next one).
std::shared_ptr<const Dataset> open_given(const std::string& file, const DataSpec& spec,
                                          const at::Tensor& coordinates);

}  // namespace ornstein::functions
