// How a run begins on disk. Rank 0 calls these.
#pragma once

#include <optional>

#include "framework/checkpoint/checkpoint_directory.h"
#include "framework/training/run_directory.h"
#include "launch/training_plan.h"

namespace ornstein {

// Settles whether the run starts or goes on, and takes the directory. Returns the checkpoint to go
// on from; none: it starts. ConfigError when it holds another run, or one and neither --resume nor
// --overwrite is given; CheckpointError when none of its checkpoints is good.
std::optional<Checkpoint> open_directory(RunDirectory& directory, CheckpointDirectory& checkpoints,
                                         const TrainingPlan& plan, const TrainOptions& options);

// The checkpoint to go on from to reach step `number` again; none: from the beginning.
std::optional<Checkpoint> before_step(int64_t number, const RunDirectory& directory,
                                      const CheckpointDirectory& checkpoints,
                                      const TrainingPlan& plan);

// One line about this start.
void write_provenance(const RunDirectory& directory, int ranks, int64_t step);

}  // namespace ornstein
