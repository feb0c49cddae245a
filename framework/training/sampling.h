// Samples in fixed blocks over all ranks: sample i depends on (seed, i) alone, any number of ranks
// draws the same bits.
#pragma once

#include <functional>

#include "framework/comm/process_group.h"
#include "framework/training/flat_group.h"
#include "framework/training/trainer.h"

namespace ornstein {

struct SamplePlan {
  int64_t count = 0;
  int64_t block = 32;  // rows of one call of Trainer::sample; the last block is drawn whole and cut
  uint64_t seed = 0;
  int64_t steps = 0;            // of the sampler; 0: the method's own
  bool bf16 = false;            // autocast, as in training
  at::Tensor coordinates = {};  // of functions: their grid; undefined: the trainer's own
  std::shared_ptr<const Dataset> given = {};  // row i mod its rows is sample i's; or null
  std::function<bool()> stop_here = {};       // asked before each round of blocks; or null
};

// The samples 0..count-1 on every rank, on the CPU: x, and what they have of labels, condition,
// mask and (shared) coordinates. All ranks call it together. StopRequested on all of them once
// `stop_here` was true on one.
Batch draw_samples(Trainer& trainer, const SamplePlan& plan, const ProcessGroup& group,
                   const at::Device& device);

// Draws one sample by one step: ConfigError where the grid or what is given will not do.
void try_sample(Trainer& trainer, const SamplePlan& plan, const at::Device& device);

// While it lives, the groups' parameters are those of EMA profile `profile`; no copy is made. With
// no profile, nothing.
class WithEma {
 public:
  WithEma(std::vector<std::unique_ptr<FlatGroup>>& groups, size_t profile);
  ~WithEma();
  WithEma(const WithEma&) = delete;

 private:
  std::vector<std::unique_ptr<FlatGroup>>& groups_;
};

}  // namespace ornstein
