#include "framework/comm/device_group.h"

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "framework/base/errors.h"
#include "framework/comm/mpi_backend.h"
#include "framework/comm/store.h"
#include "framework/comm/watched_backend.h"

namespace ornstein {

DeviceBackendOptions device_options(double timeout, std::string flight_directory) {
  constexpr double kDay = 86400, kGrace = 60;
  const double seconds = timeout > 0 ? std::min(timeout + kGrace, kDay) : kDay;
  return {.timeout = std::chrono::milliseconds(static_cast<int64_t>(1000 * seconds)),
          .flight_directory = std::move(flight_directory)};
}

std::vector<std::pair<const char*, const char*>> nccl_environment() {
  return {
      {"TORCH_NCCL_ASYNC_ERROR_HANDLING", "3"},  // end the process, whatever the communicator does
      {"TORCH_NCCL_TRACE_BUFFER_SIZE", "2000"},
      {"TORCH_NCCL_DUMP_ON_TIMEOUT", "1"}};
}

ProcessGroup make_host_group(MPI_Comm communicator, std::shared_ptr<FlightRecorder> flight) {
  constexpr auto kType = c10d::ProcessGroup::BackendType::MPI;
  auto host = c10::make_intrusive<MpiBackend>(communicator, std::move(flight));
  auto group = c10::make_intrusive<c10d::ProcessGroup>(host->getRank(), host->getSize());
  group->setBackend(at::kCPU, kType, host);
  group->setDefaultBackend(kType);
  return group;
}

ProcessGroup make_device_group(MPI_Comm communicator, const at::Device& device,
                               std::shared_ptr<FlightRecorder> flight,
                               const DeviceBackendOptions& options,
                               const DeviceBackendMaker& make_backend) {
  const ProcessGroup group = make_host_group(communicator, flight);
  // Nobody goes on, and rank 0 keeps its store, until all have reached it or one has not.
  c10::intrusive_ptr<c10d::Store> store;
  std::exception_ptr failure;
  try {
    store =
        c10::make_intrusive<c10d::PrefixStore>("device", make_store(communicator, options.timeout));
  } catch (...) {
    failure = std::current_exception();
  }
  const bool failed = any(group, failure != nullptr);
  if (failure) std::rethrow_exception(failure);
  if (failed)
    throw CommError("some rank cannot reach rank 0's store over TCP (its own line says why)");
  flight->begin("device group", 0);
  auto backend = make_backend(store, rank(group), world_size(group), device, options);
  flight->end();
  group->setBackend(device.type(), c10d::ProcessGroup::BackendType::CUSTOM,
                    c10::make_intrusive<WatchedBackend>(std::move(backend), device, flight));
  return group;
}

}  // namespace ornstein
