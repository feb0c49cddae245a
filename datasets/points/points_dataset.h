// Points of R^D, or of a space embedded in it: one row, one point.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "datasets/points/twins.h"
#include "framework/data/dataset.h"

namespace ornstein::points {

// Files beyond this size (as float32) are read row by row instead of being held in memory.
inline constexpr int64_t kHeldInMemory = int64_t{1} << 30;  // bytes

// Opens `points` files, concatenated in the order given; all must agree in D, space and in which of
// `labels`, `split` and `log_density` they hold. Every row is read once and checked. Throws
// DataError naming file and row.
DataSource open_files(const std::vector<std::string>& files,
                      int64_t held_in_memory = kHeldInMemory);

// The same of a twin (datasets/points/twins.h): the first five sixths of `rows` are split 0, the
// rest split 1. Seed 0: a twin is one fixed set of data.
inline constexpr int64_t kTwinRows = 24000;
DataSource open_twin(const Twin& twin, int64_t rows = kTwinRows);
DataSource open_twin(const std::string& name, int64_t rows = kTwinRows);

}  // namespace ornstein::points
