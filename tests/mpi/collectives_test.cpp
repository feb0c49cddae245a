// Every collective of the MPI backend and every type, against what each rank can work out alone.
#include <gtest/gtest.h>

#include "framework/base/errors.h"
#include "framework/comm/check_mpi.h"
#include "framework/comm/process_group.h"

namespace ornstein {
namespace {

using c10d::ReduceOp;

const std::vector<at::ScalarType> kTypes = {at::kFloat, at::kDouble, at::kLong,     at::kInt,
                                            at::kByte,  at::kBool,   at::kBFloat16, at::kHalf};

class Collectives : public testing::Test {
 protected:
  // What rank r holds: small integers, exact in every type and in every order of summation.
  static at::Tensor values(int r, at::ScalarType type, int64_t count = 1000) {
    const at::Tensor numbers = at::arange(count, at::kLong) * 7 + 3 * r;
    return (type == at::kBool ? numbers % 3 == 0 : numbers % 13).to(type);
  }
  at::Tensor all_values(at::ScalarType type) const {
    std::vector<at::Tensor> rows;
    for (int r = 0; r < size_; ++r) rows.push_back(values(r, type));
    return at::stack(rows);  // [ranks, count]
  }
  at::Tensor reduced(at::Tensor tensor, ReduceOp::RedOpType operation) const {
    std::vector<at::Tensor> tensors = {tensor};
    group_->allreduce(tensors, {.reduceOp = operation})->wait();
    return tensor;
  }

  const ProcessGroup group_ = make_process_group(MPI_COMM_WORLD, at::kCPU);
  const int rank_ = rank(group_), size_ = world_size(group_);
};

TEST_F(Collectives, SumsEveryType) {
  for (auto type : kTypes) {
    const at::Tensor truth = all_values(type).sum(0).to(type);
    EXPECT_TRUE(at::equal(reduced(values(rank_, type), ReduceOp::SUM), truth)) << type;
  }
}

TEST_F(Collectives, FindTheLargestOfEveryType) {
  for (auto type : kTypes) {
    EXPECT_TRUE(at::equal(reduced(values(rank_, type), ReduceOp::MAX), all_values(type).amax(0)))
        << type;
  }
}

TEST_F(Collectives, FindTheSmallestOfEveryType) {
  for (auto type : kTypes) {
    EXPECT_TRUE(at::equal(reduced(values(rank_, type), ReduceOp::MIN), all_values(type).amin(0)))
        << type;
  }
}

TEST_F(Collectives, AverageFloatingTypes) {
  for (auto type : kTypes) {
    if (!at::isFloatingType(type)) continue;
    const at::Tensor mean =
        reduced(values(rank_, type), ReduceOp::AVG);  // 1, 2 or 4 ranks: halving is exact
    EXPECT_TRUE(at::equal(mean, (all_values(type).sum(0) / size_).to(type))) << type;
  }
  EXPECT_THROW(reduced(at::ones({3}, at::kLong), ReduceOp::AVG), c10::Error);
}

TEST_F(Collectives, SumNarrowTypesWithinOneRoundingAStep) {
  at::Tensor sum = at::full({100}, 1.0 / 3).to(at::kBFloat16).mul_(rank_ + 1);
  std::vector<double> terms;
  for (int r = 0; r < size_; ++r) {
    terms.push_back((at::full({}, 1.0 / 3).to(at::kBFloat16) * (r + 1)).item<double>());
  }
  const double truth = std::accumulate(terms.begin(), terms.end(), 0.0);
  all_reduce_sum(group_, sum);
  EXPECT_LE((sum.to(at::kDouble) - truth).abs().max().item<double>(), size_ * truth / 512);
}

TEST_F(Collectives, BroadcastEveryTypeFromEveryRoot) {
  for (auto type :
       {at::kFloat, at::kLong, at::kBool, at::kBFloat16, at::kShort, at::kComplexDouble}) {
    for (int root = 0; root < size_; ++root) {
      at::Tensor tensor = values(rank_, type);
      broadcast(group_, tensor, root);
      EXPECT_TRUE(at::equal(tensor, values(root, type))) << type << " from " << root;
    }
  }
}

TEST_F(Collectives, GatherEveryRanksTensor) {
  for (auto type : kTypes) {
    std::vector<at::Tensor> input = {values(rank_, type)};
    std::vector<std::vector<at::Tensor>> output(1);
    for (int r = 0; r < size_; ++r) output[0].push_back(at::empty_like(input[0]));
    group_->allgather(output, input)->wait();
    EXPECT_TRUE(at::equal(at::stack(output[0]), all_values(type))) << type;
  }
}

// 64 MiB is where the backend begins to split; 61 divides no power of two, and 4 ranks sum to a
// byte.
TEST_F(Collectives, SplitLongBuffersWithoutASeam) {
  const int64_t count = (int64_t{64} << 20) + 5;
  const at::Tensor pattern = at::arange(61, at::kByte).repeat({count / 61 + 2});
  at::Tensor sum = pattern.narrow(0, rank_, count).clone();
  at::Tensor truth = pattern.narrow(0, 0, count).clone();
  for (int r = 1; r < size_; ++r) truth += pattern.narrow(0, r, count);
  all_reduce_sum(group_, sum);
  EXPECT_TRUE(at::equal(sum, truth));
  at::Tensor copy = rank_ == 0 ? truth : at::zeros_like(truth);
  broadcast(group_, copy);
  EXPECT_TRUE(at::equal(copy, truth));
  const int64_t share = count / size_ + 3;  // an all-gather splits at 64 MiB / ranks
  const at::Tensor all = gather_rows(group_, pattern.narrow(0, rank_, share));
  for (int r = 0; r < size_; ++r) {
    EXPECT_TRUE(at::equal(all.narrow(0, r * share, share), pattern.narrow(0, r, share))) << r;
  }
}

TEST_F(Collectives, TakeEmptyTensors) {
  at::Tensor nothing = at::empty({0});
  all_reduce_sum(group_, nothing);
  broadcast(group_, nothing);
  EXPECT_EQ(gather_rows(group_, at::empty({0, 3})).sizes(), at::IntArrayRef({0, 3}));
}

TEST_F(Collectives, CompleteInTheOrderOfPosting) {
  std::vector<c10::intrusive_ptr<c10d::Work>> works;
  at::Tensor counter = at::ones({1 << 16});
  for (int i = 0; i < 5; ++i) {  // each takes the result of the one before
    std::vector<at::Tensor> tensors = {counter};
    works.push_back(group_->allreduce(tensors));
  }
  works.back()->wait();
  for (const auto& work : works) EXPECT_TRUE(work->isCompleted());
  EXPECT_EQ(counter.max().item<double>(), std::pow(size_, 5));
  EXPECT_EQ(counter.min().item<double>(), std::pow(size_, 5));
}

TEST_F(Collectives, CarryTheResultInTheirFuture) {
  std::vector<at::Tensor> tensors = {at::ones({3})};
  auto work = group_->allreduce(tensors);
  work->getFuture()->wait();
  EXPECT_TRUE(at::equal(work->getFuture()->value().toTensorVector()[0], at::full({3}, size_)));
}

TEST_F(Collectives, RefuseWhatTheyCannotReduce) {
  at::Tensor columns = at::ones({4, 4}).t().narrow(0, 0, 2),
             complex = at::ones({2}, at::kComplexFloat);
  EXPECT_THROW(all_reduce_sum(group_, columns), c10::Error);
  EXPECT_THROW(broadcast(group_, columns), c10::Error);
  EXPECT_THROW(all_reduce_sum(group_, complex), c10::Error);
}

// Every rank hears of it, before any data move.
TEST_F(Collectives, AreRefusedOnAllRanksWhenOneDoesAnother) {
  if (size_ == 1) GTEST_SKIP() << "one rank agrees with itself";
  at::Tensor message = at::full({rank_ == 0 ? 8 : 4}, rank_);
  EXPECT_THROW(broadcast(group_, message), CommError);
  EXPECT_EQ(message.max().item<int>(), rank_);
  EXPECT_THROW(barrier(group_), CommError);  // a group is not used on after an error
}

TEST_F(Collectives, AreRefusedWhenTheirKindsDiffer) {
  if (size_ == 1) GTEST_SKIP() << "one rank agrees with itself";
  at::Tensor message = at::full({4}, rank_);
  EXPECT_THROW(rank_ == 0 ? broadcast(group_, message) : all_reduce_sum(group_, message),
               CommError);
  EXPECT_EQ(message.max().item<int>(), rank_);
}

TEST_F(Collectives, RefuseToStartAfterShutdown) {
  group_->shutdown();
  at::Tensor one = at::ones({1});
  EXPECT_THROW(all_reduce_sum(group_, one), c10::Error);
}

TEST(TwoProcessGroups, DoNotMixTheirRanks) {
  int world_rank = 0, world = 0;
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &world_rank), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &world), "MPI_Comm_size");
  MPI_Comm half = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split(MPI_COMM_WORLD, world_rank % 2, 0, &half), "MPI_Comm_split");
  {
    const ProcessGroup all = make_process_group(MPI_COMM_WORLD, at::kCPU);
    const ProcessGroup own = make_process_group(half, at::kCPU);
    for (int round = 0; round < 3; ++round) {
      at::Tensor of_all = at::full({1}, world_rank, at::kLong), of_own = of_all.clone();
      all_reduce_sum(all, of_all);
      all_reduce_sum(own, of_own);
      int64_t truth = 0;
      for (int r = world_rank % 2; r < world; r += 2) truth += r;
      EXPECT_EQ(of_all.item<int64_t>(), world * (world - 1) / 2);
      EXPECT_EQ(of_own.item<int64_t>(), truth);
    }
  }
  MPI_Comm_free(&half);
}

TEST(CheckMpi, SaysWhatMpiSays) {
  try {
    check_mpi(MPI_ERR_TRUNCATE, "MPI_Recv");
    FAIL();
  } catch (const CommError& error) {
    EXPECT_NE(std::string(error.what()).find("MPI_Recv failed (MPI_ERR_TRUNCATE"),
              std::string::npos)
        << error.what();
  }
}

TEST(ThreadLevel, BelowSerializedIsRefused) {
  EXPECT_THROW(require_thread_level(MPI_THREAD_FUNNELED), CommError);
  require_thread_level(MPI_THREAD_SERIALIZED);
  require_thread_level(MPI_THREAD_MULTIPLE);
}

}  // namespace
}  // namespace ornstein
