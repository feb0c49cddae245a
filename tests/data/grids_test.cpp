#include "framework/data/grids.h"

#include <gtest/gtest.h>

namespace ornstein {
namespace {

// Rows on grids of 5, 3, 5 and 3 points, the last grid another one of as many points as the second;
// x = 10 * row + coordinate.
Batch padded_curves() {
  const std::vector<at::Tensor> grids = {at::arange(5), at::arange(3) * 2, at::arange(5),
                                         at::arange(3) * 3};
  Batch batch{.x = at::zeros({4, 1, 5}),
              .labels = at::arange(4),
              .condition = at::arange(8, at::kFloat).view({4, 2}),
              .coordinates = at::zeros({4, 5, 1}),
              .mask = at::zeros({4, 5}, at::kBool)};
  for (int64_t row = 0; row < 4; ++row) {
    const int64_t n = grids[row].numel();
    batch.coordinates[row].slice(0, 0, n).copy_(grids[row].unsqueeze(1));
    batch.mask[row].slice(0, 0, n).fill_(true);
    batch.x[row][0].slice(0, 0, n).copy_(grids[row] + 10 * row);
  }
  return batch;
}

TEST(SplitByGrid, PutsRowsOfOneGridTogetherInOrderOfAppearance) {
  const Batch batch = padded_curves();
  std::vector<at::Tensor> rows;
  const std::vector<Batch> parts = split_by_grid(batch, &rows);
  ASSERT_EQ(parts.size(), 3);
  EXPECT_TRUE(at::equal(at::cat(rows), at::tensor({0, 2, 1, 3}, at::kLong)));
  const std::vector<int64_t> points = {5, 3, 3};
  for (size_t i = 0; i < parts.size(); ++i) {
    const Batch& part = parts[i];
    EXPECT_EQ(part.coordinates.sizes(), (std::vector<int64_t>{points[i], 1}));
    EXPECT_FALSE(part.mask.defined());
    // Each value still stands where it was, and nothing of the padding is left.
    const at::Tensor expected =
        rows[i].view({-1, 1, 1}) * 10 + part.coordinates.view({1, 1, points[i]});
    EXPECT_TRUE(at::equal(part.x, expected));
    EXPECT_TRUE(at::equal(part.labels, rows[i]));
    EXPECT_TRUE(at::equal(part.condition, batch.condition.index_select(0, rows[i])));
  }
}

TEST(SplitByGrid, TakesFieldsApartAlongBothAxes) {
  const std::vector<std::pair<int64_t, int64_t>> sizes = {{4, 2}, {3, 6}, {4, 2}};
  Batch batch{.x = at::zeros({3, 2, 4, 6}),
              .coordinates = at::zeros({3, 4, 6, 2}),
              .mask = at::zeros({3, 4, 6}, at::kBool)};
  for (int64_t row = 0; row < 3; ++row) {
    const auto [n, m] = sizes[row];
    const auto grid = at::stack(at::meshgrid({at::arange(n), at::arange(m)}, "ij"), -1);
    batch.coordinates[row].slice(0, 0, n).slice(1, 0, m).copy_(grid);
    batch.mask[row].slice(0, 0, n).slice(1, 0, m).fill_(true);
    batch.x[row].slice(1, 0, n).slice(2, 0, m).fill_(row + 1);
  }
  std::vector<at::Tensor> rows;
  const auto parts = split_by_grid(batch, &rows);
  ASSERT_EQ(parts.size(), 2);
  EXPECT_TRUE(at::equal(at::cat(rows), at::tensor({0, 2, 1}, at::kLong)));
  EXPECT_EQ(parts[0].x.sizes(), (std::vector<int64_t>{2, 2, 4, 2}));
  EXPECT_EQ(parts[1].x.sizes(), (std::vector<int64_t>{1, 2, 3, 6}));
  EXPECT_EQ(parts[1].coordinates.sizes(), (std::vector<int64_t>{3, 6, 2}));
  EXPECT_EQ(parts[1].coordinates[2][5][1].item<float>(), 5);
  EXPECT_EQ(parts[0].x.min().item<float>(), 1);
  EXPECT_EQ(parts[1].x.min().item<float>(), 2);
}

TEST(SplitByGrid, LeavesSharedGridsAndWhatWasObservedAsTheyAre) {
  const Batch batch{.x = at::rand({3, 1, 4}),
                    .coordinates = at::arange(4, at::kFloat).unsqueeze(1),
                    .mask = at::rand({3, 4}) > 0.5};
  std::vector<at::Tensor> rows;
  const auto parts = split_by_grid(batch, &rows);
  ASSERT_EQ(parts.size(), 1);
  EXPECT_TRUE(parts[0].x.is_same(batch.x));
  EXPECT_TRUE(parts[0].mask.is_same(batch.mask));
  EXPECT_TRUE(at::equal(rows[0], at::arange(3)));
}

}  // namespace
}  // namespace ornstein
