// What `ornstein doctor` learns on each rank.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "framework/comm/process_group.h"
#include "launch/local_rank.h"

namespace ornstein {

class MpiSession;

struct Processor {
  std::string model;     // "AMD EPYC 9654 96-Core Processor (family 25, model 17)"
  std::string features;  // those of its instructions that decide how LibTorch computes: "avx2 fma"
};

// From the text of /proc/cpuinfo; its first processor stands for all.
Processor processor_in(std::string_view cpuinfo);

struct RankFacts {
  Seat seat;
  int local_rank = 0;
  std::vector<int> cores;             // that it may run on, ascending
  int host_cores = 0;                 // online
  int64_t memory = 0, available = 0;  // bytes, of the host or its control group, whichever is less
  Processor processor;
  std::string capability;  // which of LibTorch's kernels are used: "AVX512"
  std::string versions;    // of the libraries as they are loaded
  bool polls = false;      // keeps its core busy while it waits for others
};

RankFacts facts_of_this_rank(const MpiSession& session);

// By rank; called by all ranks together.
std::vector<RankFacts> gather(const ProcessGroup& group, const RankFacts& own);

}  // namespace ornstein
