// The same gradients by three ways: our reducer, PyTorch's, and an all-reduce for each parameter.
#include <gtest/gtest.h>

#include <torch/csrc/distributed/c10d/comm.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include "tests/mpi/flat_net.h"

namespace ornstein {
namespace {

// c10d::Reducer as DistributedDataParallel sets it up; it averages over ranks.
std::shared_ptr<c10d::Reducer> make_c10d_reducer(const ProcessGroup& group,
                                                 const std::vector<at::Tensor>& parameters) {
  constexpr int64_t kFirst = 1024, kCap = 4096;
  c10d::verify_params_across_processes(group, parameters, std::nullopt);
  const std::vector<bool> sparse(parameters.size(), false);
  auto [buckets, limits] =
      c10d::compute_bucket_assignment_by_size(parameters, {kFirst, kCap}, sparse);
  std::reverse(buckets.begin(), buckets.end());
  return std::make_shared<c10d::Reducer>(
      parameters, buckets, group, sparse, kCap, /*find_unused_parameters=*/false,
      /*gradient_as_bucket_view=*/false, std::unordered_map<size_t, std::string>{}, kFirst,
      /*skip_all_reduce_unused_params=*/false,
      /*use_python_reducer=*/false, /*bucket_bytes_cap_list=*/std::vector<int64_t>{});
}

class Oracles : public testing::TestWithParam<at::ScalarType> {
 protected:
  at::Tensor ours(const at::Tensor& rows) {
    FlatNet net(3, GetParam());
    GradientReducer reducer(group_, {net.gradients}, 4096);
    reducer.begin({true});
    net.loss(rows).backward();
    reducer.finish();
    return net.gradients.flat;
  }

  const ProcessGroup group_ = make_process_group(MPI_COMM_WORLD, at::kCPU);
};

TEST_P(Oracles, AnAllReduceForEachParameterGivesTheSame) {
  const at::Tensor rows = share(batch(GetParam()), group_);
  FlatNet net(3, GetParam());
  net.loss(rows).backward();
  for (const auto& parameter : net.gradients.parameters)
    all_reduce_sum(group_, parameter.mutable_grad());
  EXPECT_LE(distance(ours(rows), net.gradients.flat), tolerance(GetParam()));
}

TEST_P(Oracles, PyTorchsReducerGivesTheSame) {
  const at::Tensor rows = share(batch(GetParam()), group_);
  FlatNet net(3, GetParam());
  auto reducer = make_c10d_reducer(group_, net.gradients.parameters);
  for (int step = 0; step < 2; ++step) {  // its buckets are rebuilt after the first
    net.gradients.flat.zero_();
    reducer->prepare_for_forward();
    reducer->rebuild_buckets();
    const at::Tensor loss = net.loss(rows);
    reducer->prepare_for_backward({});
    loss.backward();
    EXPECT_LE(distance(ours(rows), net.gradients.flat * world_size(group_)), tolerance(GetParam()));
  }
}

INSTANTIATE_TEST_SUITE_P(Types, Oracles, testing::Values(at::kFloat, at::kDouble),
                         [](const auto& info) { return std::string(c10::toString(info.param)); });

}  // namespace
}  // namespace ornstein
