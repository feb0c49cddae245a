// What samples of functions are given: values at points of their grid, conditions, the grid itself.
#include "datasets/functions/given_functions.h"

#include <gtest/gtest.h>

#include <cmath>

#include "datasets/functions/function_dataset.h"
#include "framework/data/grids.h"
#include "tests/datasets/functions_support.h"

namespace ornstein::functions {
namespace {

using GivenFunctions = FunctionFiles;

const DataSpec kLine{
    .kind = "functions", .condition = 2, .shape = {1, 5}, .extent = {0, 4}, .spacing = {1}};
const DataSpec kCylinder{.kind = "functions",
                         .shape = {1, 4, 3},
                         .extent = {0, 270, 0, 2},
                         .period = {360, 0},
                         .spacing = {90, 1}};

at::Tensor column(std::initializer_list<double> points) {
  return at::tensor(points, at::kDouble).unsqueeze(1);
}

TEST(RegularPoints, HaveBothEndsOrGoRoundOnce) {
  const at::Tensor grid = regular_grid(kCylinder, {8, 5});
  EXPECT_TRUE(at::equal(grid.select(2, 0).select(1, 0), at::arange(8) * 45.0F));
  EXPECT_TRUE(at::equal(grid.select(2, 1).select(0, 3), at::arange(5) * 0.5F));
}

TEST_F(GivenFunctions, StandAtTheirPointsOfAFinerGrid) {
  const at::Tensor values = at::tensor({3.0, 1.0, 4.0, 1.5}, at::kDouble).view({2, 1, 2});
  const auto given =
      open_given(file("g.h5", {{"values", values}, {"coordinates", column({3, 0.5})}}), kLine,
                 regular_grid(kLine, {9}));
  EXPECT_EQ(given->spec().rows, 2);
  const Batch batch = given->rows(at::tensor({1, 0, 1}, at::kLong));
  EXPECT_EQ(batch.x.sizes(), at::IntArrayRef({3, 1, 9}));
  EXPECT_EQ(batch.mask.sum().item<int64_t>(), 6);  // two points in each of three rows
  EXPECT_TRUE(batch.mask.select(1, 1).all().item<bool>());
  EXPECT_TRUE(batch.mask.select(1, 6).all().item<bool>());
  EXPECT_TRUE(at::equal(batch.x.select(2, 6).flatten(), at::tensor({4.0F, 3.0F, 4.0F})));
  EXPECT_TRUE(at::equal(batch.x.select(2, 1).flatten(), at::tensor({1.5F, 1.0F, 1.5F})));
}

TEST_F(GivenFunctions, MayBeOnePoint) {
  const at::Tensor value = at::full({1, 1, 1}, 2.5, at::kDouble);
  const Batch batch = open_given(file("g.h5", {{"values", value}, {"coordinates", column({3})}}),
                                 kLine, regular_grid(kLine, {5}))
                          ->rows(at::zeros({1}, at::kLong));
  EXPECT_TRUE(at::equal(batch.mask[0], at::arange(5) == 3));
  EXPECT_EQ(batch.x[0][0][3].item<float>(), 2.5F);
}

TEST_F(GivenFunctions, MeetTheGridRoundACircle) {
  at::Tensor points = at::zeros({1, 2, 2}, at::kDouble);
  points.select(2, 0).fill_(-90);
  points.select(2, 1).copy_(at::tensor({0.0, 2.0}, at::kDouble));
  points = at::cat({points, points + at::tensor({180.0, 0.0}, at::kDouble)});  // -90 and 90 degrees
  const at::Tensor values = at::arange(4, at::kDouble).view({1, 1, 2, 2});
  const Batch batch = open_given(file("g.h5", {{"values", values}, {"coordinates", points}}),
                                 kCylinder, regular_grid(kCylinder, {4, 3}))
                          ->rows(at::zeros({1}, at::kLong));
  at::Tensor expected = at::zeros({4, 3});
  expected[3][0] = 0, expected[3][2] = 1, expected[1][0] = 2, expected[1][2] = 3;
  EXPECT_TRUE(at::equal(batch.x[0][0], expected));
  EXPECT_EQ(batch.mask.sum().item<int64_t>(), 4);
}

TEST_F(GivenFunctions, MayHaveHolesAndConditions) {
  at::Tensor values = at::ones({2, 1, 5}, at::kDouble);
  values.select(2, 3).fill_(NAN);
  const at::Tensor condition = at::arange(4, at::kFloat).view({2, 2});
  const at::Tensor grid = regular_grid(kLine, {5});
  const Batch both = open_given(file("g.h5", {{"values", values},
                                              {"coordinates", column({0, 1, 2, 3, 4})},
                                              {"condition", condition}}),
                                kLine, grid)
                         ->rows(at::arange(2, at::kLong));
  EXPECT_TRUE(at::equal(both.mask[1], at::arange(5) != 3));
  EXPECT_EQ(both.x.isnan().sum().item<int64_t>(), 0);
  EXPECT_TRUE(at::equal(both.condition, condition));
  const Batch numbers = open_given(file("c.h5", {{"condition", condition}}), kLine, grid)
                            ->rows(at::arange(2, at::kLong));
  EXPECT_FALSE(numbers.x.defined());
  EXPECT_TRUE(at::equal(numbers.condition, condition));
}

TEST_F(GivenFunctions, ThatDoNotFitAreRefused) {
  const at::Tensor grid = regular_grid(kLine, {5}), one = at::ones({1, 1, 2}, at::kDouble);
  const auto refuse = [&](const std::vector<NamedTensor>& content, const std::string& why) {
    const std::string name = file("g.h5", content);
    expect_refusal([&] { open_given(name, kLine, grid); }, {"g.h5", why});
  };
  refuse({{"values", one}, {"coordinates", column({0, 1.25})}}, "1.25 on axis 0");
  refuse({{"values", one.repeat({1, 2, 1})}, {"coordinates", column({0, 1})}}, "2 channels");
  refuse({{"values", one}, {"coordinates", column({0, 1, 2})}}, "do not fit");
  refuse({{"values", one}}, "coordinates");
  refuse({{"condition", at::ones({1, 3})}}, "3 numbers");
  refuse({{"coordinates", column({0, 1})}}, "neither");
  at::Tensor unlike = one.repeat({2, 1, 1});
  unlike[1][0][0] = NAN;
  refuse({{"values", unlike}, {"coordinates", column({0, 1})}}, "row 1");
  refuse({{"values", one / 0}, {"coordinates", column({0, 1})}}, "row 0");
  refuse({{"values", one * NAN}, {"coordinates", column({0, 1})}}, "all are NaN");
  const std::string part = file("part.h5", {{"coordinates", column({1, 2, 2.5})}});
  EXPECT_EQ(read_grid(part, {.shape = {1, 3}, .extent = {1, 2.5}, .spacing = {0.75}}).size(0), 3);
  expect_refusal([&] { read_grid(part, kLine); }, {"part.h5", "from 1 to 2.5", "from 0 to 4"});
  expect_refusal(
      [&] {
        read_grid(file("c.h5", {{"coordinates", column({0, 1})}}), kCylinder);
      },
      {"c.h5", "1 axes"});
}

TEST_F(GivenFunctions, GridsKnowWhetherTheyAreRegular) {
  const auto is_regular = [&](const at::Tensor& points, const std::vector<double>& period = {}) {
    const at::Tensor values = at::ones({2, 1, points.size(0)}, at::kDouble);
    return open_files({file("r.h5", {{"values", values}, {"coordinates", points}}, period)})
        .all->spec()
        .regular;
  };
  EXPECT_TRUE(is_regular(column({0, 0.1, 0.2, 0.3})));
  EXPECT_FALSE(is_regular(column({0, 0.1, 0.25, 0.3})));
  EXPECT_TRUE(is_regular(column({0, 0.25, 0.5, 0.75}), {1}));
  EXPECT_FALSE(is_regular(column({0, 0.25, 0.5, 0.75}), {2}));  // half of the circle
}

}  // namespace
}  // namespace ornstein::functions
