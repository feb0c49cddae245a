// make_process_group of a build with CUDA: NCCL for CUDA tensors, by PyTorch's ProcessGroupNCCL.
#include <filesystem>
#include <fstream>
#include <torch/csrc/distributed/c10d/FlightRecorder.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "framework/comm/device_group.h"

namespace ornstein {
namespace {

// What NCCL's collectives did last, which ProcessGroupNCCL writes when one of them fails or takes
// too long: DIRECTORY/nccl_RANK, a pickle that torch's fr_trace reads.
class FlightWriter final : public c10d::DebugInfoWriter {
 public:
  FlightWriter(const std::string& directory, int rank)
      : c10d::DebugInfoWriter(directory + "/nccl_", rank), directory_(directory) {}

  void write(const std::string& trace) override {
    std::error_code ignored;
    std::filesystem::create_directories(directory_, ignored);
    std::ofstream(getWriterTarget(), std::ios::binary) << trace;
  }

 private:
  const std::string directory_;
};

c10::intrusive_ptr<c10d::Backend> make_nccl(const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                            int ranks, const at::Device& device,
                                            const DeviceBackendOptions& options) {
  for (const auto& [name, value] : nccl_environment()) ::setenv(name, value, /*overwrite=*/0);
  c10d::DebugInfoWriter::registerWriter(
      std::make_unique<FlightWriter>(options.flight_directory, rank));
  auto own = c10d::ProcessGroupNCCL::Options::create(options.high_priority_stream);
  own->timeout = options.timeout;
  auto nccl = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, ranks, std::move(own));
  nccl->eagerConnectSingleDevice(
      device);  // here, where it is watched, and not in a first collective
  return nccl;
}

}  // namespace

ProcessGroup make_process_group(MPI_Comm communicator, const at::Device& device,
                                std::shared_ptr<FlightRecorder> flight, double timeout,
                                const std::string& flight_directory) {
  if (device.is_cuda())
    return make_device_group(communicator, device, std::move(flight),
                             device_options(timeout, flight_directory), make_nccl);
  return make_host_group(communicator, std::move(flight));
}

}  // namespace ornstein
