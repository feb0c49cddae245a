// The ranks of a run and the collectives over them, blocking forms. Every function here is called
// by all ranks, in the same order, with tensors of the same shape and type (but for gather_rows).
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/intrusive_ptr.h>
#include <mpi.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "framework/base/hash.h"
#include "framework/comm/flight_recorder.h"

namespace c10d {
class ProcessGroup;
}

namespace ornstein {

// Shared by whoever reduces over it. The last owner lets go of it before MPI_Finalize, on all ranks
// alike; that waits for the collectives still under way.
using ProcessGroup = c10::intrusive_ptr<c10d::ProcessGroup>;

// All ranks of `communicator`, which is duplicated. Collectives take CPU tensors, and tensors on
// `device`, and are noted in `flight`. ConfigError when the build cannot serve the device.
// `timeout` seconds and `flight_directory` as in device_group.h.
ProcessGroup make_process_group(
    MPI_Comm communicator, const at::Device& device,
    std::shared_ptr<FlightRecorder> flight = std::make_shared<FlightRecorder>(), double timeout = 0,
    const std::string& flight_directory = "flight");

int rank(const ProcessGroup& group);
int world_size(const ProcessGroup& group);

// In place; contiguous tensors. All ranks end with the same bits.
void all_reduce_sum(const ProcessGroup& group, at::Tensor& tensor);
void all_reduce_max(const ProcessGroup& group, at::Tensor& tensor);
void broadcast(const ProcessGroup& group, at::Tensor& tensor, int root = 0);

// rows [b_r, ...] of each rank r, where b_r may differ and be 0, one after the other: [sum b_r,
// ...].
at::Tensor gather_rows(const ProcessGroup& group, const at::Tensor& rows);

// Type and sizes of a tensor that some ranks may lack: `own` is undefined there, and of one form on
// all others. None if all lack it. At most eight dimensions.
struct TensorForm {
  at::ScalarType type;
  std::vector<int64_t> sizes;
};
std::optional<TensorForm> agree_on_form(const ProcessGroup& group, const at::Tensor& own);

std::string broadcast_text(const ProcessGroup& group, std::string_view text);  // rank 0's

void barrier(const ProcessGroup& group);

bool any(const ProcessGroup& group, bool own);  // whether `own` is true on some rank

// Throws CommError on all ranks, naming those whose value is not rank 0's. `what` stands in the
// message, and so does a text: give the hash of a long one.
void require_same(const ProcessGroup& group, std::string_view what, std::string_view value);
void require_same(const ProcessGroup& group, std::string_view what, uint64_t hash);

}  // namespace ornstein
