// Ranks with devices, on a recording fake in the place of NCCL: start, deadline, failure.
#include "framework/comm/device_group.h"

#include <gtest/gtest.h>

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "framework/base/errors.h"

namespace ornstein {
namespace {

struct Recorded {
  int rank = -1, ranks = 0;
  DeviceBackendOptions options;
  std::string heard;  // what rank 0 left in the store
};

class RecordingBackend final : public c10d::Backend {
 public:
  RecordingBackend(c10::intrusive_ptr<c10d::Store> store, int rank, int ranks)
      : c10d::Backend(rank, ranks), store_(std::move(store)) {}
  const std::string getBackendName() const override { return "recording"; }

 private:
  const c10::intrusive_ptr<c10d::Store> store_;  // NCCL's keeps it as well
};

// What NCCL does first: rank 0 makes an id, the others fetch it from the store.
DeviceBackendMaker recording(Recorded* into) {
  return [into](const c10::intrusive_ptr<c10d::Store>& store, int rank, int ranks,
                const DeviceBackendOptions& options) -> c10::intrusive_ptr<c10d::Backend> {
    if (rank == 0) store->set("id", std::string("unique"));
    *into = {rank, ranks, options, store->get_to_str("id")};
    return c10::make_intrusive<RecordingBackend>(store, rank, ranks);
  };
}

ProcessGroup group_with(const DeviceBackendMaker& maker, double timeout) {
  return make_device_group(MPI_COMM_WORLD, at::Device(at::kCUDA, 0),
                           std::make_shared<FlightRecorder>(), device_options(timeout), maker);
}

TEST(DeviceGroup, EveryRankReachesTheStoreAndKnowsItsPlace) {
  Recorded recorded;
  const ProcessGroup group = group_with(recording(&recorded), 30);
  EXPECT_EQ(recorded.rank, rank(group));
  EXPECT_EQ(recorded.ranks, world_size(group));
  EXPECT_EQ(recorded.heard, "unique");
  EXPECT_EQ(recorded.options.timeout, std::chrono::seconds(30));
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
      [](const auto&, int, int, const DeviceBackendOptions&) -> c10::intrusive_ptr<c10d::Backend> {
    throw Error("no GPUs found");
  };
  EXPECT_THROW(group_with(failing, 30), Error);
}

TEST(DeviceGroup, WaitsADayWhereNoTimeoutIsSet) {
  EXPECT_EQ(device_options(0).timeout, std::chrono::hours(24));
  EXPECT_EQ(device_options(1e6).timeout, std::chrono::hours(24));
  EXPECT_EQ(device_options(0.5).timeout, std::chrono::milliseconds(500));
}

}  // namespace
}  // namespace ornstein
