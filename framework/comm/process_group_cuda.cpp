// make_process_group of a build with CUDA: NCCL for CUDA tensors, by PyTorch's ProcessGroupNCCL.
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "framework/comm/device_group.h"

namespace ornstein {
namespace {

c10::intrusive_ptr<c10d::Backend> make_nccl(const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                            int ranks, const DeviceBackendOptions& options) {
  auto own = c10d::ProcessGroupNCCL::Options::create(options.high_priority_stream);
  own->timeout = options.timeout;
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, ranks, std::move(own));
}

}  // namespace

ProcessGroup make_process_group(MPI_Comm communicator, const at::Device& device,
                                std::shared_ptr<FlightRecorder> flight, double timeout) {
  if (device.is_cuda())
    return make_device_group(communicator, device, std::move(flight), device_options(timeout),
                             make_nccl);
  return make_host_group(communicator, std::move(flight));
}

}  // namespace ornstein
