#include "framework/comm/watched_backend.h"

#include <c10/core/impl/VirtualGuardImpl.h>

#include <torch/csrc/distributed/c10d/Work.hpp>

#include "framework/base/errors.h"
#include "framework/base/fault_point.h"

namespace ornstein {
namespace {

void wait_for(const at::Device& device) {
  const c10::impl::VirtualGuardImpl guard(device.type());
  guard.synchronizeStream(guard.getStream(device));
}

class WatchedWork final : public c10d::Work {
 public:
  WatchedWork(c10::intrusive_ptr<c10d::Work> inner, const char* name, int64_t bytes,
              const at::Device& device, std::shared_ptr<FlightRecorder> flight)
      : inner_(std::move(inner)),
        name_(name),
        bytes_(bytes),
        device_(device),
        flight_(std::move(flight)) {}

  bool isCompleted() override { return inner_->isCompleted(); }

  bool wait(std::chrono::milliseconds timeout) override {
    flight_->begin(name_, bytes_);
    try {
      fault_point("device_collective");
      inner_->wait(timeout);
      if (!device_.is_cpu()) wait_for(device_);
      // An aborted collective ends too, with garbage.
      if (inner_->exception()) std::rethrow_exception(inner_->exception());
    } catch (const std::exception& error) {
      const CommError failure(fmt::format("{} of {} bytes failed on {} ({})", name_, bytes_,
                                          device_.str(), message_of(error)));
      flight_->fail(failure.what());
      throw failure;
    }
    flight_->end();
    return true;
  }

 private:
  const c10::intrusive_ptr<c10d::Work> inner_;
  const char* const name_;
  const int64_t bytes_;
  const at::Device device_;
  const std::shared_ptr<FlightRecorder> flight_;
};

}  // namespace

WatchedBackend::WatchedBackend(c10::intrusive_ptr<c10d::Backend> inner, const at::Device& device,
                               std::shared_ptr<FlightRecorder> flight)
    : c10d::Backend(inner->getRank(), inner->getSize()),
      inner_(std::move(inner)),
      device_(device),
      flight_(std::move(flight)) {}

c10::intrusive_ptr<c10d::Work> WatchedBackend::watched(c10::intrusive_ptr<c10d::Work> work,
                                                       const char* name,
                                                       const at::Tensor& tensor) const {
  return c10::make_intrusive<WatchedWork>(std::move(work), name,
                                          static_cast<int64_t>(tensor.nbytes()), device_, flight_);
}

c10::intrusive_ptr<c10d::Work> WatchedBackend::allreduce(std::vector<at::Tensor>& tensors,
                                                         const c10d::AllreduceOptions& options) {
  return watched(inner_->allreduce(tensors, options), "all-reduce", tensors[0]);
}

c10::intrusive_ptr<c10d::Work> WatchedBackend::broadcast(std::vector<at::Tensor>& tensors,
                                                         const c10d::BroadcastOptions& options) {
  return watched(inner_->broadcast(tensors, options), "broadcast", tensors[0]);
}

c10::intrusive_ptr<c10d::Work> WatchedBackend::allgather(
    std::vector<std::vector<at::Tensor>>& outputs, std::vector<at::Tensor>& inputs,
    const c10d::AllgatherOptions& options) {
  return watched(inner_->allgather(outputs, inputs, options), "all-gather", inputs[0]);
}

}  // namespace ornstein
