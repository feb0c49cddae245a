// The grids of functions: regular ones on a data set's domain, and rows on unequal ones, where a
// batch of padded rows becomes batches that share their coordinates.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "framework/base/batch.h"

namespace ornstein {

// `points` along each axis of the domain: [n, 1] or [n, m, 2] float32.
at::Tensor regular_grid(const DataSpec& spec, const std::vector<int64_t>& points);

// `points` of an axis of the domain, [points] float64, at equal distances: from the first to the
// last coordinate of all grids, both among them; on a periodic axis x_0 + j period/points.
at::Tensor regular_points(const DataSpec& spec, size_t axis, int64_t points);

// The product of one or two axes [n], [m]: coordinates [n, 1] or [n, m, 2], of their type.
at::Tensor coordinates_of(const std::vector<at::Tensor>& axes);

// The parts of `batch` whose rows lie on one grid, in order of first appearance:
//   in   x [b, C, n(, m)], zeros beyond a row's own grid, coordinates [b, n, 1] or [b, n, m, 2],
//        mask [b, n(, m)], true where there is a point: a box at the axes' beginning
//   out  x [k, C, n'(, m')], coordinates [n', 1] or [n', m', 2], no mask; labels and condition [k]
// A batch whose rows share their coordinates already comes back as the one part, as it is: its mask
// says what was observed. `rows`, where given, gets for each part the rows [k] int64 of `batch`
// it is made of, rising; cat(parts) put to cat(rows) is the batch again.
std::vector<Batch> split_by_grid(const Batch& batch, std::vector<at::Tensor>* rows = nullptr);

}  // namespace ornstein
