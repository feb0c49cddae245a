// make_process_group of a build without CUDA.
#include "framework/base/errors.h"
#include "framework/comm/mpi_backend.h"
#include "framework/comm/process_group.h"

namespace ornstein {

ProcessGroup make_process_group(MPI_Comm communicator, const at::Device& device,
                                std::shared_ptr<FlightRecorder> flight) {
  if (!device.is_cpu()) {
    throw ConfigError(
        fmt::format("runtime.device: '{}' cannot be used (this build has no CUDA support) "
                    "set it to 'cpu' or 'auto'",
                    device.str()));
  }
  constexpr auto kType = c10d::ProcessGroup::BackendType::MPI;
  auto backend = c10::make_intrusive<MpiBackend>(communicator, std::move(flight));
  auto group = c10::make_intrusive<c10d::ProcessGroup>(backend->getRank(), backend->getSize());
  group->setBackend(at::kCPU, kType, backend);
  group->setDefaultBackend(kType);
  return group;
}

}  // namespace ornstein
