// Everything of a run that a checkpoint holds: the groups, the trainer's state, the counters.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "framework/checkpoint/checkpoint_file.h"
#include "framework/comm/process_group.h"
#include "framework/training/flat_group.h"

namespace ornstein {

class TrainingState {
 public:
  // Lays the trainer's groups into flat buffers on `device`, and moves its state there in place.
  // The trainer must outlive it.
  TrainingState(Trainer& trainer, std::vector<ParameterGroup> groups,
                const TrainingSettings& settings, const at::Device& device);

  std::vector<std::unique_ptr<FlatGroup>> groups;
  int64_t step = 0;     // steps done
  int64_t samples = 0;  // rows seen

  // `config` and `data_spec` are stored as they come (JSON). The tensors are the live ones: write
  // before going on.
  Checkpoint checkpoint(const std::string& config, const std::string& data_spec) const;

  // Copies a checkpoint's tensors and counters in, in place. CheckpointError names the first tensor
  // that is missing, has another shape, or is not expected.
  void restore(const Checkpoint& checkpoint);

  // Rank 0's tensors to all, after fit() and after a restore.
  void broadcast(const ProcessGroup& group);

  // CommError naming rank and group (or state tensor) whose bits differ from rank 0's.
  void require_equal_over_ranks(const ProcessGroup& group) const;

 private:
  std::vector<NamedTensor> all_tensors() const;  // by checkpoint path

  Trainer& trainer_;
  TrainingSettings settings_;
};

// Fills the trainer's parameters from a checkpoint: from EMA profile `ema` ("0.1"), or the raw
// parameters for "none". And its state. For sample and evaluate, which need no optimiser.
void load_for_inference(Trainer& trainer, const Checkpoint& checkpoint, const std::string& ema,
                        const at::Device& device);

// The EMA profiles of a checkpoint's configuration, as --ema names them, in its order.
std::vector<std::string> ema_profiles_of(const Checkpoint& checkpoint);

// Fills one group from another run's checkpoint: from its first EMA profile if it has one, else the
// raw parameters.
void load_group(const ParameterGroup& group, const Checkpoint& checkpoint);

}  // namespace ornstein
