// ParallelRows (trainer.h) over the ranks of a process group.
#pragma once

#include "framework/comm/process_group.h"
#include "framework/training/trainer.h"

namespace ornstein {

// At least 16 blocks (of one row or more) of at most `most_rows` rows, block k on rank k mod world;
// its generator is keyed by (seed, call number, k). Each call is agreed on over ranks first:
// CommError when ranks differ in (call number, total).
// `stop_here`, unless null, is asked before each round of blocks: StopRequested on all ranks once
// it was true on one.
ParallelRows make_parallel_rows(const ProcessGroup& group, uint64_t seed, const at::Device& device,
                                std::function<bool()> stop_here = nullptr, int64_t most_rows = 256);

}  // namespace ornstein
