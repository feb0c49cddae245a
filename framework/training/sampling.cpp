#include "framework/training/sampling.h"

#include "framework/base/errors.h"
#include "framework/base/fault_point.h"
#include "framework/base/random.h"
#include "framework/training/autocast.h"

namespace ornstein {
namespace {

void point_parameters_at(FlatGroup& group, const at::Tensor& buffer) {
  const auto views = group.views(buffer);
  for (size_t i = 0; i < views.size(); ++i) group.parameters[i].tensor.set_data(views[i].tensor);
}

at::Tensor grid_of(const Trainer& trainer, const SamplePlan& plan) {
  return plan.coordinates.defined() ? plan.coordinates : trainer.coordinates();
}

SampleRequest request_for(const Trainer& trainer, const SamplePlan& plan, int64_t first,
                          int64_t rows, const at::Device& device) {
  SampleRequest request{first, rows, plan.steps, {}};
  if (plan.given) {
    const at::Tensor numbers = at::arange(first, first + rows, at::kLong);
    request.given = plan.given->rows(numbers.remainder(plan.given->spec().rows)).to(device);
  }
  const at::Tensor grid = grid_of(trainer, plan);
  if (grid.defined()) request.given.coordinates = grid.to(device);
  return request;
}

}  // namespace

void try_sample(Trainer& trainer, const SamplePlan& plan, const at::Device& device) {
  const c10::InferenceMode inference;
  auto generator = make_generator(0, device);
  SampleRequest request = request_for(trainer, plan, 0, 1, device);
  request.steps = 1;
  trainer.sample(request, generator);
}

Batch draw_samples(Trainer& trainer, const SamplePlan& plan, const ProcessGroup& group,
                   const at::Device& device) {
  const c10::InferenceMode inference;
  const int64_t blocks = (plan.count + plan.block - 1) / plan.block;
  const int64_t first = blocks * rank(group) / world_size(group);
  const int64_t end = blocks * (rank(group) + 1) / world_size(group);
  std::vector<at::Tensor> x, labels, condition, mask;
  const int64_t rounds = (blocks + world_size(group) - 1) / world_size(group);
  for (int64_t round = 0; round < rounds; ++round) {
    if (plan.stop_here && any(group, plan.stop_here())) throw StopRequested();
    fault_point("sampling");
    const int64_t block = first + round;
    if (block >= end) continue;
    const uint64_t key = random_key(Stream::kSample, {plan.seed, static_cast<uint64_t>(block)});
    auto generator = make_generator(key, device);
    seed_default_generators(key, device);
    const SampleRequest request =
        request_for(trainer, plan, block * plan.block, plan.block, device);
    const Autocast autocast(plan.bf16, device);
    const Batch drawn = trainer.sample(request, generator).to(at::kCPU);
    x.push_back(drawn.x);
    if (drawn.labels.defined()) labels.push_back(drawn.labels);
    if (drawn.condition.defined()) condition.push_back(drawn.condition);
    if (drawn.mask.defined()) mask.push_back(drawn.mask.to(at::kByte));  // MPI has no bool
  }
  auto gather = [&](const std::vector<at::Tensor>& parts) {
    auto form = agree_on_form(group, parts.empty() ? at::Tensor() : parts.front());
    if (!form) return at::Tensor();
    form->sizes[0] = 0;  // of a rank without a block
    const at::Tensor own = parts.empty() ? at::empty(form->sizes, form->type) : at::cat(parts);
    return gather_rows(group, own.contiguous()).narrow(0, 0, plan.count);
  };
  Batch samples;
  samples.x = gather(x);
  samples.labels = gather(labels);
  samples.condition = gather(condition);
  samples.mask = gather(mask);
  if (samples.mask.defined()) samples.mask = samples.mask.to(at::kBool);
  const at::Tensor grid = grid_of(trainer, plan);
  if (grid.defined()) samples.coordinates = grid.to(at::kCPU);
  return samples;
}

WithEma::WithEma(std::vector<std::unique_ptr<FlatGroup>>& groups, size_t profile)
    : groups_(groups) {
  for (auto& group : groups_) {
    if (profile < group->ema.size()) point_parameters_at(*group, group->ema[profile]);
  }
}

WithEma::~WithEma() {
  for (auto& group : groups_) point_parameters_at(*group, group->flat);
}

}  // namespace ornstein
