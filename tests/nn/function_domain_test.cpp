#include "framework/nn/function_domain.h"

#include "framework/base/errors.h"
#include "tests/nn/function_networks.h"

namespace ornstein {
namespace {

constexpr double kTight = 1e-12;
const DomainAxis kInterval = {.begin = 0, .end = 1};
const DomainAxis kCircle = {.begin = 0, .end = 1, .period = 1};

at::Tensor irregular(int64_t n) {  // in (0, 1), in no order
  at::Generator generator = make_generator(5);
  return at::rand({n}, generator, at::kDouble);
}

double integral(const at::Tensor& f, const at::Tensor& x, const DomainAxis& axis) {
  return (cell_lengths(x, axis) * f).sum().item<double>();
}

TEST(CellLengths, FillTheCircleInAnyOrder) {
  const at::Tensor x = irregular(40), lengths = cell_lengths(x, kCircle);
  EXPECT_GT(lengths.min().item<double>(), 0);
  EXPECT_NEAR(lengths.sum().item<double>(), 1, kTight);
  EXPECT_TRUE(at::allclose(cell_lengths((x + 0.37).remainder(1), kCircle), lengths, 0, kTight));
}

TEST(CellLengths, FollowTheirPoints) {
  const at::Tensor x = irregular(40);
  at::Generator generator = make_generator(6);
  const at::Tensor order = at::randperm(40, generator, at::kLong);
  for (const DomainAxis& axis : {kInterval, kCircle})
    EXPECT_TRUE(at::equal(cell_lengths(x.index_select(0, order), axis),
                          cell_lengths(x, axis).index_select(0, order)));
}

TEST(CellLengths, AreTheTrapezoidRuleBetweenTheEnds) {
  const at::Tensor x = at::cat({irregular(30), at::tensor({0.0, 1.0}, at::kDouble)});
  EXPECT_NEAR(integral(at::ones_like(x), x, kInterval), 1, kTight);
  EXPECT_NEAR(integral(3 * x - 1, x, kInterval), 0.5, kTight);  // straight lines exactly
  const at::Tensor regular = interval_points(11);
  EXPECT_NEAR(integral(regular.square(), regular, kInterval), 1.0 / 3 + 0.01 / 6, kTight);
}

TEST(CellLengths, HaveOrderTwoForCellCentresToo) {
  double before = 0;
  for (int64_t n : {10, 20, 40, 80}) {
    const at::Tensor x = (at::arange(n, at::kDouble) + 0.5) / n;
    const double error = std::abs(integral(x.exp(), x, kInterval) - (std::exp(1.0) - 1));
    if (before > 0) {
      EXPECT_NEAR(before / error, 4, 0.1);
    }
    before = error;
  }
}

TEST(CellLengths, EndAtMostHalfASpacingBeyondAGridThatCoversAPart) {
  const at::Tensor x = 0.5 * interval_points(11);
  EXPECT_NEAR(cell_lengths(x, kInterval).sum().item<double>(), 0.525, kTight);
}

TEST(CellLengths, RefuseMoreThanAPeriod) {
  expect_refusal<ConfigError>([] { cell_lengths(1.1 * interval_points(9), kCircle); },
                              "more than the period");
}

TEST(CoordinateFeatures, CloseOnACircleAndNotOnAnInterval) {
  const at::Tensor ends = at::tensor({0.0, 1.0}, at::kDouble);
  const auto difference = [&](const DomainAxis& axis) {
    const at::Tensor features = coordinate_features({ends}, {axis}, {3});
    EXPECT_EQ(features.size(1), coordinate_feature_count({axis}, {3}));
    return (features[0] - features[1]).norm().item<double>();
  };
  EXPECT_LT(difference(kCircle), kTight);
  EXPECT_GT(difference(kInterval), 1);
}

TEST(CoordinateFeatures, DependOnThePositionInTheDomainAlone) {
  const at::Tensor x = irregular(9);
  const DomainAxis stretched = {.begin = -30, .end = 30};
  EXPECT_TRUE(at::allclose(coordinate_features({x}, {kInterval}, {4}),
                           coordinate_features({60 * x - 30}, {stretched}, {4}), 0, kTight));
}

TEST(AxesOf, TakeGridsWithStraightRowsOnly) {
  const at::Tensor grid = grid_of({irregular(4), irregular(5)});
  EXPECT_TRUE(at::equal(axes_of(grid)[1], irregular(5)));
  at::Tensor bent = grid.clone();
  bent[2][3][0] += 0.01;
  expect_refusal<ConfigError>([&] { axes_of(bent); }, "no product of two axes");
  EXPECT_THROW(axes_of(at::zeros({4, 2})), c10::Error);
}

}  // namespace
}  // namespace ornstein
