// Ranks with devices, on a recording fake in the place of NCCL: start, deadline, failure.
#include "framework/comm/device_group.h"

#include <gtest/gtest.h>

#include <future>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <torch/csrc/distributed/c10d/Work.hpp>

#include "framework/base/errors.h"
#include "framework/comm/watched_backend.h"

namespace ornstein {
namespace {

struct Recorded {
  int rank = -1, ranks = 0;
  DeviceBackendOptions options;
  std::string heard;  // what rank 0 left in the store
};

// What the device does after an all-reduce is called: nothing, or what the test says.
class FakeWork final : public c10d::Work {
 public:
  FakeWork(std::function<void()> does, std::exception_ptr failure) : does_(std::move(does)) {
    if (failure) finish(failure);
  }
  bool isCompleted() override { return false; }
  bool wait(std::chrono::milliseconds) override {
    if (does_) does_();
    return true;
  }

 private:
  const std::function<void()> does_;
};

class RecordingBackend final : public c10d::Backend {
 public:
  RecordingBackend(c10::intrusive_ptr<c10d::Store> store, int rank, int ranks)
      : c10d::Backend(rank, ranks), store_(std::move(store)) {}
  const std::string getBackendName() const override { return "recording"; }
  c10::intrusive_ptr<c10d::Work> allreduce(std::vector<at::Tensor>&,
                                           const c10d::AllreduceOptions&) override {
    return c10::make_intrusive<FakeWork>(does, failure);
  }
  void abort() override { aborted = true; }
  void shutdown() override { shut_down = true; }

  std::function<void()> does;
  std::exception_ptr failure;
  bool aborted = false, shut_down = false;

 private:
  const c10::intrusive_ptr<c10d::Store> store_;  // NCCL's keeps it as well
};

// What NCCL does first: rank 0 makes an id, the others fetch it from the store.
DeviceBackendMaker recording(Recorded* into) {
  return
      [into](const c10::intrusive_ptr<c10d::Store>& store, int rank, int ranks, const at::Device&,
             const DeviceBackendOptions& options) -> c10::intrusive_ptr<c10d::Backend> {
        if (rank == 0) store->set("id", std::string("unique"));
        *into = {rank, ranks, options, store->get_to_str("id")};
        return c10::make_intrusive<RecordingBackend>(store, rank, ranks);
      };
}

ProcessGroup group_with(const DeviceBackendMaker& maker, double timeout) {
  return make_device_group(MPI_COMM_WORLD, at::Device(at::kCUDA, 0),
                           std::make_shared<FlightRecorder>(), device_options(timeout, "flight"),
                           maker);
}

TEST(DeviceGroup, EveryRankReachesTheStoreAndKnowsItsPlace) {
  Recorded recorded;
  const ProcessGroup group = group_with(recording(&recorded), 30);
  EXPECT_EQ(recorded.rank, rank(group));
  EXPECT_EQ(recorded.ranks, world_size(group));
  EXPECT_EQ(recorded.heard, "unique");
  EXPECT_EQ(recorded.options.timeout, std::chrono::seconds(90));  // the watchdog speaks first
  EXPECT_EQ(recorded.options.flight_directory, "flight");
  EXPECT_TRUE(recorded.options.high_priority_stream);
  barrier(group);  // rank 0 holds the store
}

TEST(DeviceGroup, ServesTheDeviceByTheBackendAndTheProcessorByMpi) {
  Recorded recorded;
  const ProcessGroup group = group_with(recording(&recorded), 30);
  EXPECT_EQ(group->getBackend(at::kCUDA)->getBackendName(), "recording");
  EXPECT_EQ(group->getBackend(at::kCPU)->getBackendName(), "mpi");
  at::Tensor sum = at::full({3}, 1.0 + rank(group));
  all_reduce_sum(group, sum);
  const double ranks = world_size(group);
  EXPECT_EQ(sum[2].item<double>(), ranks * (ranks + 1) / 2);
  EXPECT_EQ(broadcast_text(group, "hello"), "hello");
}

TEST(DeviceGroup, FailureOfTheBackendReachesTheCaller) {
  const DeviceBackendMaker failing =
      [](const auto&, int, int, const at::Device&,
         const DeviceBackendOptions&) -> c10::intrusive_ptr<c10d::Backend> {
    throw Error("no GPUs found");
  };
  EXPECT_THROW(group_with(failing, 30), Error);
}

TEST(DeviceGroup, WaitsLongerThanTheWatchdogAndADayAtMost) {
  EXPECT_EQ(device_options(0, "").timeout, std::chrono::hours(24));
  EXPECT_EQ(device_options(1e6, "").timeout, std::chrono::hours(24));
  EXPECT_EQ(device_options(0.5, "").timeout, std::chrono::milliseconds(60500));
}

TEST(DeviceGroup, AsksNcclToEndAProcessWhoseCollectiveFailedAndToKeepRecords) {
  std::map<std::string, std::string> asked;
  for (const auto& [name, value] : nccl_environment()) asked[name] = value;
  EXPECT_EQ(asked.at("TORCH_NCCL_ASYNC_ERROR_HANDLING"), "3");
  EXPECT_EQ(asked.at("TORCH_NCCL_DUMP_ON_TIMEOUT"), "1");
  EXPECT_GT(std::stoi(asked.at("TORCH_NCCL_TRACE_BUFFER_SIZE")), 0);
}

// The watched backend over one that stands still, fails, or is ended.
struct Watched {
  c10::intrusive_ptr<RecordingBackend> inner = c10::make_intrusive<RecordingBackend>(nullptr, 0, 1);
  std::shared_ptr<FlightRecorder> flight = std::make_shared<FlightRecorder>();
  WatchedBackend backend{inner, at::kCPU, flight};
  std::vector<at::Tensor> tensors = {at::zeros({6})};
};

TEST(WatchedBackend, ACollectiveThatStandsStillIsSeenUnderWay) {
  Watched it;
  std::promise<void> stuck, released;
  it.inner->does = [&] {
    stuck.set_value();
    released.get_future().wait();
  };
  const auto work = it.backend.allreduce(it.tensors, {});
  EXPECT_EQ(it.flight->last().sequence, 0);  // the host goes on until it needs the result
  std::thread host([&] { work->wait(); });
  stuck.get_future().wait();
  EXPECT_TRUE(it.flight->last().under_way());
  EXPECT_EQ(it.flight->last().name, "all-reduce");
  EXPECT_EQ(it.flight->last().bytes, 24);
  released.set_value();
  host.join();
  EXPECT_FALSE(it.flight->last().under_way());
}

TEST(WatchedBackend, AFailureIsToldAndThrown) {
  Watched it;
  it.inner->does = [] { throw std::runtime_error("NCCL watchdog: unhandled system error"); };
  std::string heard;
  it.flight->on_failure([&](const std::string& why) { heard = why; });
  const auto work = it.backend.allreduce(it.tensors, {});
  EXPECT_THROW(work->wait(), CommError);
  EXPECT_NE(heard.find("unhandled system error"), std::string::npos) << heard;
}

TEST(WatchedBackend, ACollectiveThatWasAbortedIsNoResult) {
  Watched it;
  it.inner->failure = std::make_exception_ptr(std::runtime_error("aborted after 600000 ms"));
  const auto work = it.backend.allreduce(it.tensors, {});
  EXPECT_THROW(work->wait(), CommError);
}

// As a rank's whose peers do not come: the watchdog judges what it sees under way.
TEST(DeviceGroup, ARankThatWaitsForTheOthersBackendsIsSeenUnderWay) {
  auto flight = std::make_shared<FlightRecorder>();
  Operation seen;
  const DeviceBackendMaker waiting =
      [&](const auto&, int rank, int ranks, const at::Device&,
          const DeviceBackendOptions&) -> c10::intrusive_ptr<c10d::Backend> {
    seen = flight->last();
    return c10::make_intrusive<RecordingBackend>(nullptr, rank, ranks);
  };
  make_device_group(MPI_COMM_WORLD, at::Device(at::kCUDA, 0), flight, device_options(30, ""),
                    waiting);
  EXPECT_EQ(seen.name, "device group");
  EXPECT_TRUE(seen.under_way());
  EXPECT_FALSE(flight->last().under_way());
}

TEST(WatchedBackend, EndsTheBackendItWatches) {
  Watched it;
  it.backend.abort();
  it.backend.shutdown();
  EXPECT_TRUE(it.inner->aborted && it.inner->shut_down);
}

}  // namespace
}  // namespace ornstein
