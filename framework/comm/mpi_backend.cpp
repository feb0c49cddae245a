#include "framework/comm/mpi_backend.h"

#include <xxhash.h>

#include "framework/base/errors.h"
#include "framework/base/fault_point.h"
#include "framework/comm/check_mpi.h"

namespace ornstein {

// A collective under way. It keeps its tensors alive.
class MpiWork final : public c10d::Work {
 public:
  MpiWork(int rank, c10d::OpType type, std::vector<at::Tensor> tensors)
      : Work(rank, type),
        tensors_(std::move(tensors)),
        future_(c10::make_intrusive<c10::ivalue::Future>(
            c10::ListType::create(c10::TensorType::get()))) {}

  std::vector<at::Tensor> result() override { return tensors_; }
  c10::intrusive_ptr<c10::ivalue::Future> getFuture() override { return future_; }

  void succeed() {
    future_->markCompleted(c10::IValue(tensors_));
    finish();
  }
  void fail(std::exception_ptr error) {
    future_->setError(error);
    finish(error);
  }

 private:
  const std::vector<at::Tensor> tensors_;
  const c10::intrusive_ptr<c10::ivalue::Future> future_;
};

namespace {

using c10d::OpType;
using c10d::ReduceOp;

// MPI counts are int, and some algorithms of MPI_Allreduce allocate as much as they are given:
// longer buffers go in pieces.
constexpr int64_t kPieceBytes = int64_t{64} << 20;

template <class Function>
void in_pieces(int64_t count, int64_t piece, Function function) {
  for (int64_t first = 0; first < count; first += piece) {
    function(first, static_cast<int>(std::min(piece, count - first)));
  }
}

int rank_in(MPI_Comm communicator) {
  int rank = 0;
  check_mpi(MPI_Comm_rank(communicator, &rank), "MPI_Comm_rank");
  return rank;
}

int size_of(MPI_Comm communicator) {
  int size = 0;
  check_mpi(MPI_Comm_size(communicator, &size), "MPI_Comm_size");
  return size;
}

const at::Tensor& checked(const at::Tensor& tensor) {
  TORCH_CHECK(tensor.is_cpu() && tensor.layout() == at::kStrided && tensor.is_contiguous(),
              "a collective over MPI needs a contiguous CPU tensor");
  return tensor;
}

const at::Tensor& only(const std::vector<at::Tensor>& tensors) {
  TORCH_CHECK(tensors.size() == 1, "a collective over MPI takes one tensor, not ", tensors.size());
  return checked(tensors[0]);
}

const char* name_of(OpType type) {
  switch (type) {
    case OpType::ALLREDUCE:
      return "all-reduce";
    case OpType::BROADCAST:
      return "broadcast";
    case OpType::ALLGATHER:
      return "all-gather";
    default:
      return "barrier";
  }
}

char* bytes_of(const at::Tensor& tensor) { return static_cast<char*>(tensor.mutable_data_ptr()); }

}  // namespace

MpiBackend::MpiBackend(MPI_Comm communicator, std::shared_ptr<FlightRecorder> flight)
    : Backend(rank_in(communicator), size_of(communicator)), flight_(std::move(flight)) {
  check_mpi(MPI_Comm_dup(communicator, &communicator_), "MPI_Comm_dup");
  check_mpi(MPI_Comm_set_errhandler(communicator_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  if (getSize() > 1) worker_ = std::thread(&MpiBackend::work_off, this);
}

MpiBackend::~MpiBackend() {
  shutdown();
  MPI_Comm_free(&communicator_);
}

c10::intrusive_ptr<c10d::Work> MpiBackend::allreduce(std::vector<at::Tensor>& tensors,
                                                     const c10d::AllreduceOptions& options) {
  const at::Tensor tensor = only(tensors);
  const auto operation = options.reduceOp.op_;
  const MpiReduction reduction = reductions_.find(tensor.scalar_type(), operation);
  return post(OpType::ALLREDUCE, tensors, [this, tensor, operation, reduction] {
    const int64_t size = tensor.element_size();
    in_pieces(tensor.numel(), kPieceBytes / size, [&](int64_t first, int count) {
      check_mpi(MPI_Allreduce(MPI_IN_PLACE, bytes_of(tensor) + first * size, count, reduction.type,
                              reduction.operation, communicator_),
                "MPI_Allreduce");
    });
    if (operation == ReduceOp::AVG) tensor.div_(getSize());
  });
}

c10::intrusive_ptr<c10d::Work> MpiBackend::broadcast(std::vector<at::Tensor>& tensors,
                                                     const c10d::BroadcastOptions& options) {
  const at::Tensor tensor = only(tensors);
  const int root = static_cast<int>(options.rootRank);
  TORCH_CHECK(0 <= root && root < getSize(), "broadcast from rank ", root, " of ", getSize());
  return post(OpType::BROADCAST, tensors, [this, tensor, root] {
    in_pieces(tensor.nbytes(), kPieceBytes, [&](int64_t first, int count) {
      check_mpi(MPI_Bcast(bytes_of(tensor) + first, count, MPI_BYTE, root, communicator_),
                "MPI_Bcast");
    });
  });
}

c10::intrusive_ptr<c10d::Work> MpiBackend::allgather(std::vector<std::vector<at::Tensor>>& outputs,
                                                     std::vector<at::Tensor>& inputs,
                                                     const c10d::AllgatherOptions&) {
  const at::Tensor input = only(inputs);
  TORCH_CHECK(outputs.size() == 1 && static_cast<int>(outputs[0].size()) == getSize(),
              "allgather needs one output a rank");
  const std::vector<at::Tensor> parts = outputs[0];
  for (const auto& part : parts) {
    TORCH_CHECK(checked(part).nbytes() == input.nbytes(), "allgather of different sizes");
  }
  parts[getRank()].copy_(input);
  return post(OpType::ALLGATHER, parts, [this, input, parts] {
    const int64_t most = std::max<int64_t>(1, kPieceBytes / getSize());
    std::vector<char> gathered(getSize() * std::min<int64_t>(most, input.nbytes()));
    in_pieces(input.nbytes(), most, [&](int64_t first, int count) {
      check_mpi(MPI_Allgather(bytes_of(input) + first, count, MPI_BYTE, gathered.data(), count,
                              MPI_BYTE, communicator_),
                "MPI_Allgather");
      for (int r = 0; r < getSize(); ++r) {
        std::memcpy(bytes_of(parts[r]) + first, gathered.data() + int64_t{r} * count, count);
      }
    });
  });
}

c10::intrusive_ptr<c10d::Work> MpiBackend::barrier(const c10d::BarrierOptions&) {
  return post(OpType::BARRIER, {},
              [this] { check_mpi(MPI_Barrier(communicator_), "MPI_Barrier"); });
}

void MpiBackend::shutdown() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  if (worker_.joinable()) worker_.join();
}

c10::intrusive_ptr<c10d::Work> MpiBackend::post(OpType type, std::vector<at::Tensor> tensors,
                                                std::function<void()> call) {
  const int64_t bytes = tensors.empty() ? 0 : static_cast<int64_t>(tensors.front().nbytes());
  auto work = c10::make_intrusive<MpiWork>(getRank(), type, std::move(tensors));
  {
    const std::lock_guard lock(mutex_);
    TORCH_CHECK(!stop_, "a collective after shutdown of its process group");
    if (getSize() > 1) queue_.push_back({work, name_of(type), bytes, std::move(call)});
  }
  if (getSize() > 1) {
    changed_.notify_one();
  } else {
    work->succeed();
  }
  return work;
}

void MpiBackend::work_off() {
  const at::NoGradGuard no_grad;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const Task task = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    perform(task);
    lock.lock();
  }
}

void MpiBackend::perform(const Task& task) {
  if (!failure_) {
    try {
      if (fault_point("collective") == 0) {
        flight_->begin(task.name, task.bytes);
        require_like(task);
        task.call();
        flight_->end();
      }
    } catch (const std::exception& error) {
      failure_ = std::current_exception();
      flight_->fail(error.what());
    }
  }
  if (failure_) {
    task.work->fail(failure_);
  } else {
    task.work->succeed();
  }
}

// A rank that left a collective out would meet the others in the wrong one: Open MPI then writes
// beyond the smaller buffer. This one has the same form always.
void MpiBackend::require_like(const Task& task) {
  const std::string form =
      fmt::format("{} {} {}", task.name, task.bytes, flight_->phase_and_step().second);
  const auto hash = static_cast<int64_t>(XXH3_64bits(form.data(), form.size()) >> 2);
  int64_t ends[2] = {hash, -hash};
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, ends, 2, MPI_INT64_T, MPI_MAX, communicator_),
            "MPI_Allreduce");
  if (ends[0] == -ends[1]) return;
  throw CommError(
      fmt::format("ranks disagree on what to do together (this one: {} of {} bytes) all ranks need "
                  "the same program, configuration and files",
                  task.name, task.bytes));
}

}  // namespace ornstein
