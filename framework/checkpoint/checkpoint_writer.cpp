#include "framework/checkpoint/checkpoint_writer.h"

#include "framework/base/log.h"

namespace ornstein {

CheckpointWriter::~CheckpointWriter() {
  try {
    finish();
  } catch (const std::exception& error) {
    log_info(error.what());
  }
}

void CheckpointWriter::write(const Checkpoint& checkpoint) {
  finish();
  take_snapshot(checkpoint);
  in_flight_ = std::async(std::launch::async, [this] { directory_.write(snapshot_); });
}

void CheckpointWriter::check() {
  const bool ended = in_flight_.valid() &&
                     in_flight_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  if (ended) in_flight_.get();
}

void CheckpointWriter::finish() {
  if (in_flight_.valid()) in_flight_.get();
}

void CheckpointWriter::take_snapshot(const Checkpoint& checkpoint) {
  const at::NoGradGuard no_gradients;
  auto memory = std::move(snapshot_.tensors);
  snapshot_ = checkpoint;
  for (size_t i = 0; i < snapshot_.tensors.size(); ++i) {
    at::Tensor& tensor = snapshot_.tensors[i].tensor;
    const bool fits = i < memory.size() && memory[i].tensor.sizes() == tensor.sizes() &&
                      memory[i].tensor.scalar_type() == tensor.scalar_type();
    at::Tensor copy =
        fits ? memory[i].tensor
             : at::empty(tensor.sizes(),
                         tensor.options().device(at::kCPU).pinned_memory(!tensor.is_cpu()));
    copy.copy_(tensor);
    tensor = copy;
  }
}

}  // namespace ornstein
