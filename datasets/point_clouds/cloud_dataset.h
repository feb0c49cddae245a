// Point clouds as rows of one size.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/config/config_reader.h"
#include "framework/data/dataset.h"

namespace ornstein::point_clouds {

// How clouds of any size become rows x [P, D].
struct CloudSettings {
  int64_t points = 0;             // P; 0: those of the largest cloud
  std::string subset = "random";  // of a larger cloud: `random` (without repeats, always the same
                                  // ones of a row), or its `first` P
  std::string smaller =
      "refuse";  // a cloud of fewer than the P asked for: `refuse`, `mask` (padded
                 // with zeros, mask false there), or `skip` (left out and counted)
};

// Keys `points`, `subset`, `smaller` of the `dataset` section.
CloudSettings cloud_settings(const ConfigReader& dataset);

// Rows beyond this size (as float32) are read one by one instead of being held in memory.
inline constexpr int64_t kHeldInMemory = int64_t{1} << 30;  // bytes

// Opens `point_clouds` files, concatenated in the order given; all must agree in D and in which of
// `labels` and `split` they hold. Every number is read once and checked. Batches have a mask where
// some cloud of the set is padded. Throws DataError naming file and cloud.
DataSource open_files(const std::vector<std::string>& files, const CloudSettings& settings = {},
                      int64_t held_in_memory = kHeldInMemory);

// The same of clouds x [N, P, D] float32 that are there; labels [N] int64 may be undefined.
DataSource hold(const at::Tensor& x, const at::Tensor& labels, const at::Tensor& split);

}  // namespace ornstein::point_clouds
