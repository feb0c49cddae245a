// What is odd about a launch, as `ornstein doctor` says it.
#pragma once

#include <string>
#include <vector>

#include "launch/doctor/facts.h"
#include "launch/doctor/reduction.h"

namespace ornstein {

// One line each, "problem (why) cure". `facts` by rank.
std::vector<std::string> odd_things(const std::vector<RankFacts>& facts);

std::vector<std::string> odd_things(const std::vector<ReductionTime>& times);

// The folder that a run is to be written to.
struct OutFolder {
  std::string path;
  std::string file_system;    // "nfs"
  bool over_network = false;  // several hosts may have it
  bool writable = false;
  std::string lock_refused;  // why flock is refused there; "" where it works
  int64_t free = 0;          // bytes
};

// `hdf5_locking`: the value of HDF5_USE_FILE_LOCKING, or null.
std::vector<std::string> odd_things(const OutFolder& folder, const char* hdf5_locking);

}  // namespace ornstein
