#include "framework/training/shard_graphs.h"

#include "framework/base/random.h"

namespace ornstein {
namespace {

constexpr std::array kMembers = {&Batch::x, &Batch::labels, &Batch::condition, &Batch::coordinates,
                                 &Batch::mask};

Batch copy_of(const Batch& batch) {
  Batch copy;
  for (const auto member : kMembers)
    if ((batch.*member).defined()) copy.*member = (batch.*member).clone();
  return copy;
}

void copy_into(Batch& fixed, const Batch& batch) {
  for (const auto member : kMembers) {
    const at::Tensor &to = fixed.*member, &from = batch.*member;
    TORCH_CHECK(to.defined() == from.defined() && (!to.defined() || to.sizes() == from.sizes()),
                "a batch of another form than the recorded one");
    if (to.defined()) to.copy_(from, /*non_blocking=*/true);
  }
}

}  // namespace

ShardGraphs::ShardGraphs(const TrainingState& state, const at::Device& device)
    : state_(state), device_(device) {}

Loss ShardGraphs::run(const Batch& batch, const Step& step, uint64_t key,
                      const std::vector<bool>& trained, const Passes& passes) {
  auto& recorded = graphs_[{step.shard, trained}];
  if (!recorded) recorded = record(batch, step, passes);
  copy_into(recorded->batch, batch);
  seed_generator(recorded->generator, key);
  seed_default_generators(key, device_);
  recorded->graph->replay();
  return recorded->loss;
}

std::unique_ptr<ShardGraphs::Recorded> ShardGraphs::record(const Batch& batch, const Step& step,
                                                           const Passes& passes) {
  auto made =
      std::make_unique<Recorded>(Recorded{copy_of(batch), make_generator(0, device_), {}, nullptr});
  std::vector<at::Tensor> gradients;  // of the shards before
  for (const auto& group : state_.groups) gradients.push_back(group->gradients.clone());
  Recorded& it = *made;
  made->graph = record_graph(device_, made->generator, [&it, passes, step] {
    it.loss = passes(it.batch, {step.number, step.shard, step.shards, it.generator, step.train});
  });
  for (size_t i = 0; i < gradients.size(); ++i) state_.groups[i]->gradients.copy_(gradients[i]);
  return made;
}

}  // namespace ornstein
