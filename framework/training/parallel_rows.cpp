#include "framework/training/parallel_rows.h"

#include "framework/base/random.h"

namespace ornstein {
namespace {

// The blocks of one call, evaluated on the ranks that own them.
struct Blocks {
  std::vector<int64_t> numbers;
  std::vector<at::Tensor> results;
};

// [type, dimensions, sizes...] of a result, so that a rank that owns no block can take part in the
// exchange.
constexpr int64_t kMaxDimensions = 8;

at::Tensor agreed_form(const ProcessGroup& group, const std::vector<at::Tensor>& results) {
  at::Tensor form = at::zeros({2 + kMaxDimensions}, at::kLong);
  if (!results.empty()) {
    const at::Tensor& first = results.front();
    TORCH_CHECK(first.dim() <= kMaxDimensions, "ParallelRows: a result of ", first.dim(),
                " dimensions");
    form[0] = static_cast<int64_t>(first.scalar_type());
    form[1] = first.dim();
    for (int64_t d = 0; d < first.dim(); ++d) form[2 + d] = first.size(d);
  }
  all_reduce_max(group, form);
  return form;
}

}  // namespace

ParallelRows make_parallel_rows(const ProcessGroup& group, uint64_t seed, const at::Device& device,
                                int64_t block_rows) {
  auto calls = std::make_shared<uint64_t>(0);
  auto evaluate = [=](int64_t total, const RowFunction& function) {
    const uint64_t call = (*calls)++;
    require_same(group, "a ParallelRows call", fmt::format("call {} over {} rows", call, total));
    TORCH_CHECK(total > 0, "ParallelRows over ", total, " rows");
    Blocks blocks;
    for (int64_t block = rank(group); block * block_rows < total; block += world_size(group)) {
      const int64_t first = block * block_rows;
      auto generator = make_generator(
          random_key(Stream::kRows, {seed, call, static_cast<uint64_t>(block)}), device);
      blocks.numbers.push_back(block);
      blocks.results.push_back(
          function(first, std::min(block_rows, total - first), generator).detach().contiguous());
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
  auto sizes_of = [](const at::Tensor& form) {
    const auto* f = form.const_data_ptr<int64_t>();
    return std::vector<int64_t>(f + 2, f + 2 + f[1]);
  };

  ParallelRows rows;
  rows.collect = [=](int64_t total, const RowFunction& function) {
    const Blocks blocks = evaluate(total, function);
    const at::Tensor form = agreed_form(group, blocks.results);
    auto sizes = sizes_of(form);
    TORCH_CHECK(!sizes.empty(), "ParallelRows::collect: the function must return [rows, ...]");
    sizes[0] = total;
    const auto type = static_cast<at::ScalarType>(form[0].item<int64_t>());
    return exchange(blocks, at::zeros(sizes, at::TensorOptions().dtype(type).device(device)),
                    [&](at::Tensor& whole, int64_t block, const at::Tensor& result) {
                      whole.narrow(0, block * block_rows, result.size(0)).copy_(result);
                    });
  };
  rows.sum = [=](int64_t total, const RowFunction& function) {
    const Blocks blocks = evaluate(total, function);
    auto sizes = sizes_of(agreed_form(group, blocks.results));
    sizes.insert(sizes.begin(), (total + block_rows - 1) / block_rows);
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
