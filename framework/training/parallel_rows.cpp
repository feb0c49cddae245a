#include "framework/training/parallel_rows.h"

#include "framework/base/errors.h"
#include "framework/base/fault_point.h"
#include "framework/base/random.h"

namespace ornstein {
namespace {

constexpr int64_t kFewestBlocks = 16;

// The blocks of one call, evaluated on the ranks that own them.
struct Blocks {
  int64_t rows = 0;  // of a block
  std::vector<int64_t> numbers;
  std::vector<at::Tensor> results;
};

// Few rows are costly ones, likelihoods or samples of an evaluation: they too are shared.
int64_t rows_of_block(int64_t total, int64_t most) {
  return std::min(most, (total + kFewestBlocks - 1) / kFewestBlocks);
}

// Of a block's result, also for a rank that owns no block.
TensorForm form_of(const ProcessGroup& group, const std::vector<at::Tensor>& results) {
  return agree_on_form(group, results.empty() ? at::Tensor() : results.front()).value();
}

}  // namespace

ParallelRows make_parallel_rows(const ProcessGroup& group, uint64_t seed, const at::Device& device,
                                std::function<bool()> stop_here, int64_t most_rows) {
  auto calls = std::make_shared<uint64_t>(0);
  auto evaluate = [=](int64_t total, const RowFunction& function) {
    const uint64_t call = (*calls)++;
    require_same(group, "a ParallelRows call", fmt::format("call {} over {} rows", call, total));
    TORCH_CHECK(total > 0, "ParallelRows over ", total, " rows");
    Blocks blocks{rows_of_block(total, most_rows), {}, {}};
    const int64_t count = (total + blocks.rows - 1) / blocks.rows;
    for (int64_t round = 0; round < count; round += world_size(group)) {
      if (stop_here && any(group, stop_here())) throw StopRequested();
      fault_point("evaluating");
      const int64_t block = round + rank(group);
      if (block >= count) continue;
      const int64_t first = block * blocks.rows;
      auto generator = make_generator(
          random_key(Stream::kRows, {seed, call, static_cast<uint64_t>(block)}), device);
      blocks.numbers.push_back(block);
      blocks.results.push_back(
          function(first, std::min(blocks.rows, total - first), generator).detach().contiguous());
    }
    return blocks;
  };
  // Every rank writes its blocks into zeros, and the sum over ranks puts all together: x + 0 = x
  // exactly (-0 becomes 0 on any number of ranks).
  auto exchange = [=](const Blocks& blocks, at::Tensor whole, auto place) {
    for (size_t i = 0; i < blocks.numbers.size(); ++i)
      place(whole, blocks.numbers[i], blocks.results[i] + 0);
    all_reduce_sum(group, whole);
    return whole;
  };
  ParallelRows rows;
  rows.collect = [=](int64_t total, const RowFunction& function) {
    const Blocks blocks = evaluate(total, function);
    TensorForm form = form_of(group, blocks.results);
    TORCH_CHECK(!form.sizes.empty(), "ParallelRows::collect: the function must return [rows, ...]");
    form.sizes[0] = total;
    return exchange(blocks,
                    at::zeros(form.sizes, at::TensorOptions().dtype(form.type).device(device)),
                    [&](at::Tensor& whole, int64_t block, const at::Tensor& result) {
                      whole.narrow(0, block * blocks.rows, result.size(0)).copy_(result);
                    });
  };
  rows.sum = [=](int64_t total, const RowFunction& function) {
    const Blocks blocks = evaluate(total, function);
    auto sizes = form_of(group, blocks.results).sizes;
    sizes.insert(sizes.begin(), (total + blocks.rows - 1) / blocks.rows);
    const at::Tensor parts =
        exchange(blocks, at::zeros(sizes, at::TensorOptions().dtype(at::kDouble).device(device)),
                 [](at::Tensor& whole, int64_t block, const at::Tensor& result) {
                   whole.select(0, block).copy_(result);
                 });
    at::Tensor sum = at::zeros_like(parts.select(0, 0));
    for (int64_t block = 0; block < parts.size(0); ++block) sum.add_(parts.select(0, block));
    return sum;
  };
  return rows;
}

}  // namespace ornstein
