#include "framework/comm/gradient_reducer.h"

#include <gtest/gtest.h>

#include "framework/base/errors.h"
#include "tests/mpi/flat_net.h"

namespace ornstein {
namespace {

constexpr int64_t kSmallBuckets = 4096;  // several a net: its gradients are 10k elements

class Reduction : public testing::Test {
 protected:
  void backward(GradientReducer& reducer, FlatNet& net, const at::Tensor& rows) {
    reducer.begin({true});
    net.loss(rows).backward();
    reducer.finish();
  }
  // What one rank alone gets from all rows.
  static at::Tensor truth(uint64_t seed, const at::Tensor& rows) {
    FlatNet net(seed, rows.scalar_type());
    net.loss(rows).backward();
    return net.gradients.flat;
  }

  const ProcessGroup group_ = make_process_group(MPI_COMM_WORLD, at::kCPU);
};

TEST_F(Reduction, OfSharesIsTheGradientOfTheWholeBatch) {
  for (auto type : {at::kDouble, at::kFloat}) {
    const at::Tensor rows = batch(type);
    FlatNet net(1, type);
    GradientReducer reducer(group_, {net.gradients}, kSmallBuckets);
    for (int step = 0; step < 3; ++step) {
      net.gradients.flat.zero_();
      backward(reducer, net, share(rows, group_));
      EXPECT_LE(distance(net.gradients.flat, truth(1, rows)), tolerance(type)) << type;
    }
    require_same(group_, "the reduced gradients", hash_of(net.gradients.flat));
  }
}

TEST_F(Reduction, OfTheLastShardTakesInWhatEarlierShardsLeft) {
  const at::Tensor rows = batch(at::kDouble);
  const auto shards = share(rows, group_).chunk(2);
  FlatNet net(1, at::kDouble);
  GradientReducer reducer(group_, {net.gradients}, kSmallBuckets);
  net.loss(shards[0]).backward();
  backward(reducer, net, shards[1]);
  EXPECT_LE(distance(net.gradients.flat, truth(1, rows)), 1e-12);
}

TEST_F(Reduction, DoesNotDependOnTheSizeOfBuckets) {
  const at::Tensor rows = batch(at::kDouble);
  for (int64_t bytes : {1, 300, 20'000, 1 << 30}) {
    FlatNet net(1, at::kDouble);
    GradientReducer reducer(group_, {net.gradients}, bytes);
    backward(reducer, net, share(rows, group_));
    EXPECT_LE(distance(net.gradients.flat, truth(1, rows)), 1e-12) << bytes;
  }
}

TEST_F(Reduction, CutsAtLeastOneAndAtMostOneBucketAParameter) {
  const at::Tensor rows = share(batch(at::kDouble), group_);
  FlatNet net(1, at::kDouble);
  for (auto [bytes, buckets] :
       {std::pair<int64_t, size_t>{1, net.gradients.parameters.size()}, {1 << 30, 1}}) {
    GradientReducer reducer(group_, {net.gradients}, bytes);
    backward(reducer, net, rows);
    EXPECT_EQ(reducer.timing().buckets, static_cast<int64_t>(buckets));
  }
}

TEST_F(Reduction, BeginsBeforeTheFirstLayerHasItsGradient) {
  FlatNet net(1, at::kFloat);
  GradientReducer reducer(group_, {net.gradients}, kSmallBuckets);
  int64_t launched_by_then = -1;
  net.gradients.parameters[0].register_hook(
      [&](const at::Tensor&) { launched_by_then = reducer.timing().buckets; });
  backward(reducer, net, share(batch(at::kFloat), group_));
  EXPECT_GE(launched_by_then, 2);
  EXPECT_LT(launched_by_then, reducer.timing().buckets);
  EXPECT_EQ(reducer.timing().launched_early,
            reducer.timing().buckets);  // every parameter had a gradient
  EXPECT_GE(reducer.timing().wait_seconds, 0);
}

TEST_F(Reduction, SleepsUntilItIsToldToBegin) {
  const at::Tensor rows = share(batch(at::kDouble), group_);
  FlatNet net(1, at::kDouble);
  GradientReducer reducer(group_, {net.gradients}, kSmallBuckets);
  net.loss(rows).backward();
  EXPECT_TRUE(at::equal(net.gradients.flat, truth(1, rows)));
}

TEST_F(Reduction, LeavesFrozenGroupsAloneBitForBit) {
  const at::Tensor rows = batch(at::kDouble);
  FlatNet a(1, at::kDouble), b(2, at::kDouble);
  GradientReducer reducer(group_, {a.gradients, b.gradients}, kSmallBuckets);
  for (int step = 0; step < 4; ++step) {  // in turn, as half-bridges are trained
    const bool first = step % 2 == 0;
    FlatNet &trained = first ? a : b, &frozen = first ? b : a;
    for (auto& parameter : trained.gradients.parameters) parameter.requires_grad_(true);
    for (auto& parameter : frozen.gradients.parameters) parameter.requires_grad_(false);
    trained.gradients.flat.zero_();
    frozen.gradients.flat.fill_(1.0 / 3 + rank(group_));
    const at::Tensor before = frozen.gradients.flat.clone();
    reducer.begin({first, !first});
    (trained.loss(share(rows, group_)) + frozen.loss(share(rows, group_))).backward();
    reducer.finish();
    EXPECT_TRUE(at::equal(frozen.gradients.flat, before));
    EXPECT_LE(distance(trained.gradients.flat, truth(first ? 1 : 2, rows)), 1e-12);
  }
}

TEST_F(Reduction, OfAnInactiveGroupThatStillGetsGradientsStaysLocal) {
  const at::Tensor rows = share(batch(at::kDouble), group_);
  FlatNet a(1, at::kDouble), b(2, at::kDouble);
  GradientReducer reducer(group_, {a.gradients, b.gradients}, kSmallBuckets);
  reducer.begin({true, false});
  (a.loss(rows) + b.loss(rows)).backward();
  reducer.finish();
  EXPECT_TRUE(at::equal(b.gradients.flat, truth(2, rows)));
}

// Without gradient on all ranks, or on some: rank 0 lacks that of parameter 6.
TEST_F(Reduction, WaitsForNoParameterWithoutGradient) {
  FlatNet net(1, at::kDouble);
  GradientReducer reducer(group_, {net.gradients}, kSmallBuckets);
  const auto& parameters = net.gradients.parameters;
  reducer.begin({true});
  at::Tensor loss = parameters[0].sum() * (rank(group_) + 1);
  if (rank(group_) > 0) loss = loss + parameters[6].sum();
  loss.backward();
  reducer.finish();
  const int n = world_size(group_);
  EXPECT_TRUE(at::equal(parameters[0].grad(), at::full_like(parameters[0], n * (n + 1) / 2)));
  EXPECT_TRUE(at::equal(parameters[6].grad(), at::full_like(parameters[6], n - 1)));
  EXPECT_EQ(parameters[2].grad().abs().max().item<double>(), 0);
}

TEST_F(Reduction, RefusesAGradientThatLeftItsBuffer) {
  FlatNet net(1, at::kDouble);
  GradientReducer reducer(group_, {net.gradients}, kSmallBuckets);
  net.gradients.parameters[0].mutable_grad() = at::Tensor();  // as an optimiser's zero_grad does
  reducer.begin({true});
  EXPECT_THROW(net.loss(share(batch(at::kDouble), group_)).backward(), c10::Error);
  reducer.finish();
}

TEST_F(Reduction, RefusesASecondBackward) {
  const at::Tensor rows = share(batch(at::kDouble), group_);
  FlatNet net(1, at::kDouble);
  GradientReducer reducer(group_, {net.gradients});
  reducer.begin({true});
  net.loss(rows).backward();
  EXPECT_THROW(net.loss(rows).backward(), c10::Error);
  reducer.finish();
  EXPECT_THROW(reducer.finish(), c10::Error);
}

TEST_F(Reduction, RefusesBuffersThatAreNotTheGradients) {
  FlatNet net(1, at::kDouble);
  GradientBuffer shifted = net.gradients;
  shifted.offsets[1] += 8;
  EXPECT_THROW(GradientReducer(group_, {shifted}), c10::Error);
  {
    GradientReducer reducer(group_, {net.gradients});
    EXPECT_THROW(GradientReducer(group_, {net.gradients}),
                 c10::Error);  // two reducers would sum twice
  }
  GradientReducer reducer(group_, {net.gradients});  // the first took its hooks away
}

// Stands for a broken network: every all-reduce fails on the worker.
class BrokenBackend final : public c10d::Backend {
 public:
  BrokenBackend() : Backend(0, 1) {}
  const std::string getBackendName() const override { return "broken"; }
  c10::intrusive_ptr<c10d::Work> allreduce(std::vector<at::Tensor>&,
                                           const c10d::AllreduceOptions&) override {
    struct Failed final : c10d::Work {
      Failed() { finish(std::make_exception_ptr(CommError("the cable is cut"))); }
    };
    return c10::make_intrusive<Failed>();
  }
};

TEST_F(Reduction, RethrowsWhatFailedOnTheWorker) {
  auto broken = c10::make_intrusive<c10d::ProcessGroup>(0, 1);
  broken->setBackend(at::kCPU, c10d::ProcessGroup::BackendType::CUSTOM,
                     c10::make_intrusive<BrokenBackend>());
  broken->setDefaultBackend(c10d::ProcessGroup::BackendType::CUSTOM);
  FlatNet net(1, at::kDouble);
  GradientReducer reducer(broken, {net.gradients}, kSmallBuckets);
  EXPECT_THROW(backward(reducer, net, batch(at::kDouble)), CommError);
}

}  // namespace
}  // namespace ornstein
