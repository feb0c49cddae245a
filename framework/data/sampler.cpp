#include "framework/data/sampler.h"

#include "framework/base/random.h"

namespace ornstein {

at::Tensor ShardPlan::rows_of(int64_t step, int64_t shard) const {
  TORCH_CHECK(rows > 0, "a training set without rows");
  at::Tensor result = at::empty({micro_batch}, at::kLong);
  auto* row = result.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < micro_batch; ++i) {
    const int64_t position = step * global_batch + shard * micro_batch + i;
    const auto epoch = static_cast<uint64_t>(position / rows);
    row[i] = permuted(random_key(Stream::kEpoch, {seed, epoch}), rows, position % rows);
  }
  return result;
}

ShardRange shards_of_rank(int64_t shards, int rank, int ranks) {
  return {shards * rank / ranks, shards * (rank + 1) / ranks};
}

Splits split_rows(const DataSource& source, double validation_fraction) {
  const int64_t rows = source.all->spec().rows;
  at::Tensor split = source.split;
  if (!split.defined()) {
    split = at::zeros({rows}, at::kByte);
    auto* part = split.mutable_data_ptr<uint8_t>();
    for (int64_t row = 0; row < rows; ++row) {
      const auto key = random_key(Stream::kSplit, {static_cast<uint64_t>(row)});
      part[row] = static_cast<double>(key >> 11) * 0x1p-53 < validation_fraction;
    }
  }
  auto rows_in = [&](uint8_t part) { return at::nonzero(split == part).flatten(); };
  auto part = [&](const at::Tensor& chosen) -> std::shared_ptr<const Dataset> {
    if (chosen.numel() == 0) return nullptr;
    return chosen.numel() == rows ? source.all : subset(source.all, chosen);
  };
  Splits splits;
  splits.train = part(splits.train_rows = rows_in(0));
  splits.validation = part(splits.validation_rows = rows_in(1));
  splits.test = part(splits.test_rows = rows_in(2));
  return splits;
}

}  // namespace ornstein
