// make_process_group for debug devices: a backend that takes their tensors to the host, where MPI
// reduces them, and back.
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Work.hpp>

#include "framework/comm/device_group.h"

namespace ornstein {
namespace {

class Done final : public c10d::Work {
 public:
  bool isCompleted() override { return true; }
  bool wait(std::chrono::milliseconds) override { return true; }
};

class DebugBackend final : public c10d::Backend {
 public:
  DebugBackend(const ProcessGroup& host, int rank, int ranks)
      : c10d::Backend(rank, ranks), host_(host->getBackend(at::kCPU)) {}

  const std::string getBackendName() const override { return "debug"; }

  c10::intrusive_ptr<c10d::Work> allreduce(std::vector<at::Tensor>& tensors,
                                           const c10d::AllreduceOptions& options) override {
    return on_the_host(tensors, [&](auto& copies) { return host_->allreduce(copies, options); });
  }

  c10::intrusive_ptr<c10d::Work> broadcast(std::vector<at::Tensor>& tensors,
                                           const c10d::BroadcastOptions& options) override {
    return on_the_host(tensors, [&](auto& copies) { return host_->broadcast(copies, options); });
  }

  c10::intrusive_ptr<c10d::Work> allgather(std::vector<std::vector<at::Tensor>>& outputs,
                                           std::vector<at::Tensor>& inputs,
                                           const c10d::AllgatherOptions& options) override {
    std::vector<at::Tensor> own = {inputs[0].cpu()};
    std::vector<std::vector<at::Tensor>> copies(1);
    for (const at::Tensor& output : outputs[0]) copies[0].push_back(at::empty_like(output.cpu()));
    host_->allgather(copies, own, options)->wait();
    for (size_t r = 0; r < copies[0].size(); ++r) outputs[0][r].copy_(copies[0][r]);
    return c10::make_intrusive<Done>();
  }

 private:
  template <class Collective>
  static c10::intrusive_ptr<c10d::Work> on_the_host(std::vector<at::Tensor>& tensors,
                                                    const Collective& collective) {
    std::vector<at::Tensor> copies = {tensors[0].cpu()};
    collective(copies)->wait();
    tensors[0].copy_(copies[0]);
    return c10::make_intrusive<Done>();
  }

  const c10::intrusive_ptr<c10d::Backend> host_;
};

}  // namespace

ProcessGroup make_process_group(MPI_Comm communicator, const at::Device& device,
                                std::shared_ptr<FlightRecorder> flight, double timeout,
                                const std::string& flight_directory) {
  if (device.is_cpu()) return make_host_group(communicator, std::move(flight));
  // Its collectives are noted by the device's group, not here.
  const ProcessGroup host = make_host_group(communicator, std::make_shared<FlightRecorder>());
  return make_device_group(communicator, device, flight, device_options(timeout, flight_directory),
                           [&](const auto&, int rank, int ranks, const at::Device&,
                               const DeviceBackendOptions&) -> c10::intrusive_ptr<c10d::Backend> {
                             return c10::make_intrusive<DebugBackend>(host, rank, ranks);
                           });
}

}  // namespace ornstein
