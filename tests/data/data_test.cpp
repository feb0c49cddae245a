#include <gtest/gtest.h>

#include "framework/base/errors.h"
#include "framework/data/loader.h"
#include "tests/support/memory_dataset.h"

namespace ornstein {
namespace {

// Row i of the data is the number i.
std::shared_ptr<const Dataset> numbers(int64_t n) {
  return std::make_shared<MemoryDataset>("points", at::arange(n, at::kFloat).unsqueeze(1));
}

TEST(ShardPlan, VisitsEveryRowOnceAnEpochAcrossBatches) {
  const ShardPlan plan{3, 12, 4, 30};  // batches straddle epochs: 30 is no multiple of 12
  std::vector<int64_t> visits(30);
  for (int64_t step = 0; step < 5; ++step) {  // two epochs
    for (int64_t shard = 0; shard < plan.shards(); ++shard) {
      const at::Tensor rows = plan.rows_of(step, shard);
      for (int64_t i = 0; i < rows.numel(); ++i)
        ++visits[static_cast<size_t>(rows[i].item<int64_t>())];
    }
  }
  EXPECT_EQ(visits, std::vector<int64_t>(30, 2));
}

TEST(ShardPlan, ShufflesEveryEpochAnew) {
  const ShardPlan plan{3, 30, 30, 30};
  EXPECT_FALSE(at::equal(plan.rows_of(0, 0), plan.rows_of(1, 0)));
  EXPECT_TRUE(at::equal(plan.rows_of(0, 0), plan.rows_of(0, 0)));
}

TEST(ShardRange, GivesEveryShardToOneRank) {
  for (const int ranks : {1, 2, 3, 5, 7}) {
    int64_t next = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      const ShardRange range = shards_of_rank(7, rank, ranks);
      EXPECT_EQ(range.first, next);
      EXPECT_GT(range.end, range.first);
      next = range.end;
    }
    EXPECT_EQ(next, 7);
  }
}

TEST(Loader, DeliversTheRowsOfThePlanInOrder) {
  const ShardPlan plan{1, 8, 2, 20};
  Loader loader(numbers(20), plan, {1, 3}, 4, at::kCPU);
  for (int64_t step = 4; step < 9; ++step) {
    for (int64_t shard = 1; shard < 3; ++shard) {
      EXPECT_TRUE(at::equal(loader.next().x.squeeze(1).to(at::kLong), plan.rows_of(step, shard)));
    }
  }
}

class FailingDataset final : public Dataset {
 public:
  DataSpec spec() const override { return numbers(10)->spec(); }
  Batch rows(const at::Tensor&) const override { throw DataError("row 3: gone"); }
};

TEST(Loader, PassesOnWhatReadingThrew) {
  Loader loader(std::make_shared<FailingDataset>(), {1, 2, 2, 10}, {0, 1}, 0, at::kCPU);
  EXPECT_THROW(loader.next(), DataError);
}

TEST(Loader, EndsWhileItsQueueIsFull) {
  const Loader loader(numbers(10), {1, 2, 2, 10}, {0, 1}, 0, at::kCPU);
  SUCCEED();
}

TEST(Splits, FollowTheStoredColumn) {
  const Splits splits = split_rows({numbers(4), at::tensor({0, 2, 1, 0}, at::kByte), {}, ""}, 0.5);
  EXPECT_EQ(splits.train->spec().rows, 2);
  EXPECT_EQ(splits.validation->rows(at::tensor({0})).x.item<float>(), 2);
  EXPECT_EQ(splits.test->rows(at::tensor({0})).x.item<float>(), 1);
}

// Held-out rows are binomial: 4 standard deviations about the fraction. A row's side does not
// depend on the others.
TEST(Splits, HoldOutAFractionByRowNumber) {
  const Splits small = split_rows({numbers(1000), {}, {}, ""}, 0.1);
  const Splits large = split_rows({numbers(10000), {}, {}, ""}, 0.1);
  EXPECT_LT(std::abs(large.validation->spec().rows - 1000), 4 * std::sqrt(10000 * 0.1 * 0.9));
  EXPECT_TRUE(at::equal(small.validation_rows,
                        large.validation_rows.narrow(0, 0, small.validation_rows.numel())));
  EXPECT_EQ(split_rows({numbers(10), {}, {}, ""}, 0).validation, nullptr);
}

TEST(DataSpec, SurvivesJson) {
  DataSpec spec{"images", "", 7, 10, 3, {1, 28, 28}, "abc"};
  const DataSpec again = data_spec_from_json(to_json(spec));
  EXPECT_EQ(to_json(spec), to_json(again));
  EXPECT_EQ(again.shape, spec.shape);
}

}  // namespace
}  // namespace ornstein
