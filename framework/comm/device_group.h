// Ranks whose tensors lie on devices: CPU tensors and host messages go over MPI as ever, tensors on
// the device through a backend of its own, which gets a store that all ranks reach.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "framework/comm/process_group.h"

namespace c10d {
class Backend;
class Store;
}  // namespace c10d

namespace ornstein {

struct DeviceBackendOptions {
  std::chrono::milliseconds timeout{0};  // a collective that takes longer has failed
  bool high_priority_stream = true;      // reduction must not wait behind the backward pass
  std::string flight_directory;          // for what the backend recorded; made when it is needed
};

// `timeout`: seconds that the watchdog waits, 0: for ever. The backend's own patience is a minute
// more, so that the watchdog speaks first, and a day at most: no backend waits for ever.
DeviceBackendOptions device_options(double timeout, std::string flight_directory);

// What ProcessGroupNCCL reads of the environment, where the user has not set it: a collective that
// fails ends the process instead of leaving it with garbage, and its records are kept and written.
std::vector<std::pair<const char*, const char*>> nccl_environment();

// Makes this rank's backend of a group of `ranks`, connected: it may wait for the others, which the
// flight recorder shows. Throws what it must: nothing is caught.
using DeviceBackendMaker = std::function<c10::intrusive_ptr<c10d::Backend>(
    const c10::intrusive_ptr<c10d::Store>& store, int rank, int ranks, const at::Device& device,
    const DeviceBackendOptions& options)>;

// CPU tensors alone.
ProcessGroup make_host_group(MPI_Comm communicator, std::shared_ptr<FlightRecorder> flight);

// All ranks of the communicator together. The device's collectives stand in `flight` too
// (watched_backend.h). CommError where rank 0's store is not reached.
ProcessGroup make_device_group(MPI_Comm communicator, const at::Device& device,
                               std::shared_ptr<FlightRecorder> flight,
                               const DeviceBackendOptions& options,
                               const DeviceBackendMaker& make_backend);

}  // namespace ornstein
