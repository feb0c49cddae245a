// The c10d backend for CPU tensors: collectives over MPI.
//
// One worker thread makes the MPI calls, blocking ones, first in, first out, on a communicator of
// its own: ranks that issue collectives in one order need no more than that, and a blocking
// MPI_Allreduce is twice as fast as MPI_Iallreduce with MPI_Test. One process is the identity:
// completed at once, no thread, no MPI call.
//
// Inside its call MPI polls. Unless a rank has a core to spare for this, start with
// OMPI_MCA_mpi_yield_when_idle=1 and OMPI_MCA_hwloc_base_binding_policy=none, or waiting takes half
// the time of the computation beside it.
#pragma once

#include <mpi.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <torch/csrc/distributed/c10d/Backend.hpp>

#include "framework/comm/flight_recorder.h"
#include "framework/comm/mpi_reduction.h"

namespace ornstein {

class MpiWork;

// Tensors must be contiguous, on the CPU, and of equal size and type on all ranks (the last is not
// checked: compare beforehand). They belong to the backend until the returned Work is done. A
// CommError reaches the caller through Work::wait; afterwards every further collective fails alike.
class MpiBackend final : public c10d::Backend {
 public:
  // Duplicates the communicator: all its ranks call this together.
  MpiBackend(MPI_Comm communicator, std::shared_ptr<FlightRecorder> flight);
  ~MpiBackend() override;  // shuts down

  const std::string getBackendName() const override { return "mpi"; }

  // In place; types and operations as in mpi_reduction.h.
  c10::intrusive_ptr<c10d::Work> allreduce(std::vector<at::Tensor>& tensors,
                                           const c10d::AllreduceOptions& options) override;
  // In place, any type.
  c10::intrusive_ptr<c10d::Work> broadcast(std::vector<at::Tensor>& tensors,
                                           const c10d::BroadcastOptions& options) override;
  // outputs[0][r] receives rank r's inputs[0]; any type.
  c10::intrusive_ptr<c10d::Work> allgather(std::vector<std::vector<at::Tensor>>& outputs,
                                           std::vector<at::Tensor>& inputs,
                                           const c10d::AllgatherOptions& options) override;
  c10::intrusive_ptr<c10d::Work> barrier(const c10d::BarrierOptions& options) override;

  // Waits until the queue is empty and ends the worker; before MPI_Finalize, on all ranks.
  void shutdown() override;

 private:
  struct Task {
    c10::intrusive_ptr<MpiWork> work;
    const char* name;
    int64_t bytes;
    std::function<void()> call;
  };
  c10::intrusive_ptr<c10d::Work> post(c10d::OpType type, std::vector<at::Tensor> tensors,
                                      std::function<void()> call);
  void work_off();
  void perform(const Task& task);  // every MPI collective passes through here
  void require_like(
      const Task& task);  // CommError on all ranks unless all are about to do the same

  MPI_Comm communicator_ = MPI_COMM_NULL;
  MpiReductions reductions_;
  const std::shared_ptr<FlightRecorder> flight_;
  std::exception_ptr failure_;  // of the first collective that failed; the worker's own
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> queue_;
  bool stop_ = false;
  std::thread worker_;
};

}  // namespace ornstein
