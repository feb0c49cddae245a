#include "framework/comm/process_group.h"

#include <gtest/gtest.h>

#include "framework/base/errors.h"

namespace ornstein {
namespace {

class Ranks : public testing::Test {
 protected:
  // The message require_same throws here, or nothing.
  template <class Value>
  std::string disagreement(Value value) const {
    try {
      require_same(group_, "the step number", value);
      return "";
    } catch (const CommError& error) {
      return error.what();
    }
  }

  const ProcessGroup group_ = make_process_group(MPI_COMM_WORLD, at::kCPU);
  const int rank_ = rank(group_), size_ = world_size(group_);
};

TEST_F(Ranks, AreThoseOfTheCommunicator) {
  int mpi_rank = 0, mpi_size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &mpi_rank);
  MPI_Comm_size(MPI_COMM_WORLD, &mpi_size);
  EXPECT_EQ(rank_, mpi_rank);
  EXPECT_EQ(size_, mpi_size);
}

TEST_F(Ranks, GatherUnequalNumbersOfRowsInOrder) {
  const at::Tensor own = at::full({int64_t{rank_}, 2, 3}, rank_, at::kLong);  // rank 0 has none
  std::vector<at::Tensor> truth;
  for (int64_t r = 0; r < size_; ++r) truth.push_back(at::full({r, 2, 3}, r, at::kLong));
  EXPECT_TRUE(at::equal(gather_rows(group_, own), at::cat(truth)));
}

TEST_F(Ranks, AllHearRankZerosText) {
  const std::string text = rank_ == 0 ? std::string("sigma\0tau", 9) : std::string(rank_ * 20, 'x');
  EXPECT_EQ(broadcast_text(group_, text), std::string("sigma\0tau", 9));
  EXPECT_EQ(broadcast_text(group_, rank_ == 0 ? "" : "other"), "");
}

// The ranks of a test share one machine, and so one steady clock.
TEST_F(Ranks, LeaveABarrierOnlyWhenAllHaveReachedIt) {
  auto now = [] { return std::chrono::steady_clock::now().time_since_epoch().count(); };
  for (int late = 0; late < size_; ++late) {
    if (rank_ == late) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    at::Tensor last = at::full({1}, now(), at::kLong);
    barrier(group_);
    const int64_t left = now();
    all_reduce_max(group_, last);
    EXPECT_GE(left, last.item<int64_t>());
  }
}

TEST_F(Ranks, AgreeSilentlyOnEqualValues) {
  EXPECT_EQ(disagreement("step 7"), "");
  EXPECT_EQ(disagreement(hash_of(at::arange(10))), "");
}

TEST_F(Ranks, AreNamedEverywhereWhenTheyDiffer) {
  if (size_ == 1) GTEST_SKIP() << "one rank agrees with itself";
  const bool odd = rank_ % 2 == 1;
  const std::string message = disagreement(odd ? "step 8" : "step 7");
  EXPECT_NE(message.find("the step number"), std::string::npos) << message;
  EXPECT_NE(message.find(size_ == 2 ? "rank 0: 1;" : "rank 0: 1, 3;"), std::string::npos)
      << message;
  EXPECT_EQ(message.find("'step 8'") != std::string::npos, odd) << message;
}

TEST_F(Ranks, NoticeOneFlippedBit) {
  if (size_ == 1) GTEST_SKIP() << "one rank agrees with itself";
  at::Tensor weights = at::linspace(0, 1, 1000);
  if (rank_ == size_ - 1) weights.view(at::kInt)[999].bitwise_xor_(1);
  EXPECT_NE(disagreement(hash_of(weights)), "");
}

TEST(Devices, ThisBuildCannotServeAreAConfigurationError) {
  EXPECT_THROW(make_process_group(MPI_COMM_WORLD, at::Device(at::kCUDA, 0)), ConfigError);
}

TEST(Hash, SeesValuesInRowMajorOrderAndNotTheLayout) {
  const at::Tensor matrix = at::arange(12).view({3, 4});
  EXPECT_EQ(hash_of(matrix.t()), hash_of(matrix.t().contiguous()));
  EXPECT_NE(hash_of(matrix.t()), hash_of(matrix));
}

}  // namespace
}  // namespace ornstein
