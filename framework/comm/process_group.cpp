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

std::optional<TensorForm> agree_on_form(const ProcessGroup& group, const at::Tensor& own) {
  constexpr int64_t kMostDimensions = 8;
  at::Tensor form = at::zeros({2 + kMostDimensions}, at::kLong);  // 1 + type, dimensions, sizes
  if (own.defined()) {
    TORCH_CHECK(own.dim() <= kMostDimensions, "agree_on_form: ", own.dim(), " dimensions");
    form[0] = 1 + static_cast<int64_t>(own.scalar_type());
    form[1] = own.dim();
    for (int64_t d = 0; d < own.dim(); ++d) form[2 + d] = own.size(d);
  }
  all_reduce_max(group, form);
  const auto* f = form.const_data_ptr<int64_t>();
  if (f[0] == 0) return std::nullopt;
  return TensorForm{static_cast<at::ScalarType>(f[0] - 1), {f + 2, f + 2 + f[1]}};
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

bool any(const ProcessGroup& group, bool own) {
  at::Tensor flag = at::full({1}, own ? 1 : 0, at::kByte);
  all_reduce_max(group, flag);
  return flag.item<bool>();
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
