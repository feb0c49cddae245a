// What travels between data sets, trainers and networks: a batch of rows, and the shape of one row.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ornstein {

// b rows; what a data set lacks stays undefined.
struct Batch {
  at::Tensor x;            // [b, ...]; [b, 0] for methods without data: a row is then only a number
  at::Tensor labels;       // [b], int64, 0 <= label < classes
  at::Tensor condition;    // [b, K]
  at::Tensor coordinates;  // [n, d_x], or on a grid [n, m, d_x]: shared by the rows; rows of
                           // unequal grids have one each, [b, n, d_x], padded, with a mask
  at::Tensor mask;         // [b, P], bool: true where observed

  Batch to(const at::Device& device) const;  // every defined member moved
  Batch pinned() const;  // in page-locked memory, from where to() does not keep the host waiting
  Batch rows(const at::Tensor& indices) const;  // [n] int64 -> these rows, in this order
};

// Describes one row. Stored in the checkpoint, so that a trainer is built without the data file.
struct DataSpec {
  std::string kind;            // "images", "functions", "point_clouds", "points"
  std::string space;           // of points: "euclidean", "sphere", ...; empty otherwise
  int64_t rows = 0;            // of the training split
  int64_t classes = 0;         // 0: no labels
  int64_t condition = 0;       // K of `condition`; 0: none
  std::vector<int64_t> shape;  // of one row: images [C, H, W], points [D]
  std::string content_hash;    // of the data a run was trained on: same hash, same data

  // Of functions, one entry an axis (extent: two, least and most), in the coordinates' unit.
  std::vector<double> extent;   // of all grids
  std::vector<double> period;   // 0: not periodic on that axis
  std::vector<double> spacing;  // the coarsest grid's mean
  bool regular = true;          // all grids are, on all axes (Axis::regular)
};

struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

}  // namespace ornstein
