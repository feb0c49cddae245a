#include "framework/comm/process_group.h"

#include "framework/base/errors.h"

namespace ornstein {
namespace {

void all_reduce(const ProcessGroup& group, at::Tensor& tensor,
                c10d::ReduceOp::RedOpType operation) {
  std::vector<at::Tensor> tensors = {tensor};
  group->allreduce(tensors, {.reduceOp = operation})->wait();
}

}  // namespace

int rank(const ProcessGroup& group) { return group->getRank(); }
int world_size(const ProcessGroup& group) { return group->getSize(); }

void all_reduce_sum(const ProcessGroup& group, at::Tensor& tensor) {
  all_reduce(group, tensor, c10d::ReduceOp::SUM);
}

void all_reduce_max(const ProcessGroup& group, at::Tensor& tensor) {
  all_reduce(group, tensor, c10d::ReduceOp::MAX);
}

void broadcast(const ProcessGroup& group, at::Tensor& tensor, int root) {
  std::vector<at::Tensor> tensors = {tensor};
  group->broadcast(tensors, {.rootRank = root})->wait();
}

at::Tensor gather_rows(const ProcessGroup& group, const at::Tensor& rows) {
  at::Tensor counts = at::zeros({world_size(group)}, at::kLong);
  counts[rank(group)] = rows.size(0);
  all_reduce_sum(group, counts);

  // Equal shapes are what an all-gather takes: every part is as long as the longest.
  std::vector<int64_t> shape = rows.sizes().vec();
  shape[0] = counts.max().item<int64_t>();
  std::vector<at::Tensor> own = {rows.new_zeros(shape)};
  own[0].narrow(0, 0, rows.size(0)).copy_(rows);
  std::vector<std::vector<at::Tensor>> parts(1);
  for (int r = 0; r < world_size(group); ++r) parts[0].push_back(at::empty_like(own[0]));
  group->allgather(parts, own)->wait();
  for (int r = 0; r < world_size(group); ++r) {
    parts[0][r] = parts[0][r].narrow(0, 0, counts[r].item<int64_t>());
  }
  return at::cat(parts[0]);
}

std::string broadcast_text(const ProcessGroup& group, std::string_view text) {
  at::Tensor length = at::full({1}, static_cast<int64_t>(text.size()), at::kLong);
  broadcast(group, length);
  std::string result(text);
  result.resize(length.item<int64_t>());
  at::Tensor bytes = at::from_blob(result.data(), {length.item<int64_t>()}, at::kByte);
  broadcast(group, bytes);
  return result;
}

void barrier(const ProcessGroup& group) {
  c10d::BarrierOptions options;
  options.device = at::kCPU;
  group->barrier(options)->wait();
}

void require_same(const ProcessGroup& group, std::string_view what, std::string_view value) {
  const std::string expected = broadcast_text(group, value);
  at::Tensor differs = at::zeros({world_size(group)}, at::kByte);
  differs[rank(group)] = value != expected;
  all_reduce_max(group, differs);
  std::vector<int> ranks;
  for (int r = 0; r < world_size(group); ++r) {
    if (differs[r].item<bool>()) ranks.push_back(r);
  }
  if (ranks.empty()) return;
  const std::string here =
      value == expected ? std::string() : fmt::format(", but '{}' on rank {}", value, rank(group));
  throw CommError(
      fmt::format("ranks disagree on {} (not as on rank 0: {}; it is '{}' there{}) "
                  "all ranks need the same program, configuration and files",
                  what, fmt::join(ranks, ", "), expected, here));
}

void require_same(const ProcessGroup& group, std::string_view what, uint64_t hash) {
  require_same(group, what, fmt::format("{:016x}", hash));
}

}  // namespace ornstein
