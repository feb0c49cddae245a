// A device's collectives where the watchdog sees them. The device does them after the call that
// starts them returns, and the host would wait for it unseen, in the first number it reads: here
// Work::wait() keeps the host until the device has done all that went before, between begin() and
// end() of the flight recorder. Nothing is lost by it: who waits reads the result next.
#pragma once

#include <c10/core/Device.h>

#include <torch/csrc/distributed/c10d/Backend.hpp>

#include "framework/comm/flight_recorder.h"

namespace ornstein {

// What `inner` does, for tensors of `device`. A failure that wait() meets is told to the recorder's
// listener and thrown as a CommError.
class WatchedBackend final : public c10d::Backend {
 public:
  WatchedBackend(c10::intrusive_ptr<c10d::Backend> inner, const at::Device& device,
                 std::shared_ptr<FlightRecorder> flight);

  const std::string getBackendName() const override { return inner_->getBackendName(); }
  c10::intrusive_ptr<c10d::Work> allreduce(std::vector<at::Tensor>& tensors,
                                           const c10d::AllreduceOptions& options) override;
  c10::intrusive_ptr<c10d::Work> broadcast(std::vector<at::Tensor>& tensors,
                                           const c10d::BroadcastOptions& options) override;
  c10::intrusive_ptr<c10d::Work> allgather(std::vector<std::vector<at::Tensor>>& outputs,
                                           std::vector<at::Tensor>& inputs,
                                           const c10d::AllgatherOptions& options) override;
  void abort() override { inner_->abort(); }
  void shutdown() override { inner_->shutdown(); }

 private:
  c10::intrusive_ptr<c10d::Work> watched(c10::intrusive_ptr<c10d::Work> work, const char* name,
                                         const at::Tensor& tensor) const;

  const c10::intrusive_ptr<c10d::Backend> inner_;
  const at::Device device_;
  const std::shared_ptr<FlightRecorder> flight_;
};

}  // namespace ornstein
