// Two small trainers that use every freedom of the contract.
#pragma once

#include <map>
#include <memory>

#include "framework/training/trainer.h"

namespace ornstein::test {

// Two networks in turn, as in half-bridges (De Bortoli et al. 2021): every kPhase steps the other
// one is trained, anew, on trajectories of the frozen first, which are memoised per shard: a
// function of the frozen network and the shard.
std::unique_ptr<Trainer> make_alternating_trainer(uint64_t seed);
inline constexpr int64_t kPhase = 3;

// A scale network trained through a frozen score network, then the score network, after a pass over
// the data that measures its mean; state: that mean and a power iteration's vector that begin_step
// writes.
std::unique_ptr<Trainer> make_flow_and_score_trainer(uint64_t seed);

}  // namespace ornstein::test
