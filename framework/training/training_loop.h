// The training step, for any trainer and any number of ranks. What one step does is
// `TrainingLoop::step`, which reads top to bottom (framework/README.md walks through it).
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "framework/comm/gradient_reducer.h"
#include "framework/data/loader.h"
#include "framework/training/shard_graphs.h"
#include "framework/training/training_state.h"

namespace ornstein {

// What one step, or the mean over several, looked like; equal on all ranks but for `seconds`.
struct StepReport {
  double loss = 0;                           // sum over all shards of all ranks / weight
  std::map<std::string, double> terms;       // the same of each Term
  std::map<std::string, double> grad_norms;  // by trained group, before clipping
  double learning_rate = 0;                  // of the first, by name, of the trained groups
  bool skipped = false;                      // a non-finite loss or gradient: nothing was updated
  bool stop_requested = false;               // on any rank
  double data_seconds = 0, compute_seconds = 0, communicate_seconds = 0, optimise_seconds = 0;
};

// Something in a step that was inf or NaN.
struct NotFinite {
  std::string what;
  int64_t row = -1;  // of the training set, where one row is at fault
};

// ConfigError when `ranks` are more than the shards of a step: each needs one.
void require_a_shard_a_rank(const TrainingSettings& settings, int ranks);

class TrainingLoop final {
 public:
  // Starts at `state.step`. `replay`: on a device, a shard's passes are recorded and replayed,
  // which trainer.replayable() must allow.
  TrainingLoop(Trainer& trainer, TrainingState& state, std::shared_ptr<const Dataset> train,
               const TrainingSettings& settings, ProcessGroup group, const at::Device& device,
               bool replay = false);

  // One step on all ranks. `stop_here` says whether this rank was asked to stop; the answer travels
  // with the step's one small reduction. Begins with require_progress().
  StepReport step(const std::function<bool()>& stop_here);

  // Throws Error after more than `max_skipped` non-finite steps in a row.
  void require_progress() const;

  // Runs the next step once more in this rank's shards alone and updates nothing: what is not
  // finite there? Rows of the batch first, then rows whose loss is not, then terms, then parameters
  // whose gradient is not. Nothing may follow it.
  std::vector<NotFinite> examine();

  // Rows of the training set in the global batch of step `number`, [global_batch].
  at::Tensor rows_of(int64_t number) const;

 private:
  std::vector<bool> begin(const Step& step);  // which groups train; freezes the rest
  Loss shard_loss(const Batch& batch, const Step& step);
  // The device's memory is too small for the shard: ConfigError says which micro_batch fits, found
  // by trying.
  [[noreturn]] void fail_for_memory(const Batch& batch, const Step& step);

  Trainer& trainer_;
  TrainingState& state_;
  std::shared_ptr<const Dataset> train_;
  const TrainingSettings settings_;
  ProcessGroup group_;
  const at::Device device_;
  const std::shared_ptr<const Dataset> rows_;  // `train_`, on the device
  const ShardPlan plan_;
  const ShardRange range_;
  GradientReducer reducer_;
  std::optional<ShardGraphs> graphs_;
  Loader loader_;
  int64_t skipped_in_a_row_ = 0;
};

}  // namespace ornstein
