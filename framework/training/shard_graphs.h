// The forward and backward pass of a shard as a graph of the device: recorded when the shard is
// first seen, replayed in every later step on the batch and the key of that step. Results are those
// of the passes done one by one.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "framework/comm/device_graph.h"
#include "framework/training/training_state.h"

namespace ornstein {

class ShardGraphs {
 public:
  // The loss of a shard, its gradients added to the groups' buffers.
  using Passes = std::function<Loss(const Batch&, const Step&)>;

  ShardGraphs(const TrainingState& state, const at::Device& device);

  // passes(batch, step), with the draws of `key` from step.generator. `trained` as in the step: for
  // others there are other graphs. The loss is overwritten by the shard's next run.
  Loss run(const Batch& batch, const Step& step, uint64_t key, const std::vector<bool>& trained,
           const Passes& passes);

 private:
  struct Recorded {
    Batch batch;
    at::Generator generator;
    Loss loss;
    std::unique_ptr<DeviceGraph> graph;
  };
  std::unique_ptr<Recorded> record(const Batch& batch, const Step& step, const Passes& passes);

  const TrainingState& state_;
  const at::Device device_;
  std::map<std::pair<int64_t, std::vector<bool>>, std::unique_ptr<Recorded>> graphs_;
};

}  // namespace ornstein
