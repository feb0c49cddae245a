// How fast the ranks add up, as they do in training.
#pragma once

#include <vector>

#include "framework/comm/process_group.h"

namespace ornstein {

struct ReductionTime {
  int64_t bytes;
  double seconds;  // median over repeats, of the slowest rank
};

// All-reduces of 1 KB, 1 MB and 64 MB (powers of two) of float32; a few seconds in all. Called by
// all ranks together; all get the same.
std::vector<ReductionTime> time_reductions(const ProcessGroup& group);

}  // namespace ornstein
