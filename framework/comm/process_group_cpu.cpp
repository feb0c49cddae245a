// make_process_group of a build without CUDA.
#include "framework/base/errors.h"
#include "framework/comm/device_group.h"

namespace ornstein {

ProcessGroup make_process_group(MPI_Comm communicator, const at::Device& device,
                                std::shared_ptr<FlightRecorder> flight, double,
                                const std::string&) {
  if (!device.is_cpu()) {
    throw ConfigError(
        fmt::format("runtime.device: '{}' cannot be used (this build has no CUDA support) "
                    "set it to 'cpu' or 'auto'",
                    device.str()));
  }
  return make_host_group(communicator, std::move(flight));
}

}  // namespace ornstein
