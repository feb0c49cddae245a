#include "framework/evaluation/point_figures.h"

#include <gtest/gtest.h>

#include "framework/evaluation/binary_figures.h"
#include "framework/evaluation/duplicates.h"
#include "tests/spaces/some_spaces.h"

namespace ornstein {
namespace {

double value_of(const std::vector<Figure>& figures, const std::string& name) {
  for (const Figure& figure : figures)
    if (figure.name == name) return figure.value;
  return std::nan("");
}

TEST(Duplicates, AreRowsThatOccurNumberForNumber) {
  const at::Tensor train = at::tensor({1.0f, 2.0f, 0.0f, 4.0f}).view({2, 2});
  const at::Tensor rows =
      at::tensor({-0.0f, 4.0f, 1.0f, 2.5f, 1.0f, 2.0f, 2.0f, 1.0f}).view({4, 2});
  EXPECT_TRUE(occur_in(rows, train).equal(at::tensor({1, 0, 1, 0}).to(at::kBool)));
  EXPECT_EQ(duplicates_figure(rows, train).value, 0.5);
  EXPECT_THROW(occur_in(rows.to(at::kDouble), train), c10::Error);
}

TEST(PointFigures, HoldOnEverySpaceAndDoNotTellOneLawApart) {
  for (const Space& space : some_spaces()) {
    const auto figures =
        point_figures(space, points(space, 60, 1000, at::kFloat),
                      points(space, 50, 2000, at::kFloat), points(space, 100, 3000, at::kFloat));
    EXPECT_GT(value_of(figures, "energy_p_value"), 0.001) << space.name();
    EXPECT_EQ(value_of(figures, "duplicates"), 0);
    for (const Figure& figure : figures) EXPECT_TRUE(std::isfinite(figure.value)) << figure.name;
    if (space.name() == "so4") continue;  // no kernels
    EXPECT_GT(value_of(figures, "mmd_p_value"), 0.001) << space.name();
    if (!space.compact()) continue;
    // The uniform law itself: no density does better on average.
    EXPECT_EQ(value_of(figures, "nll_uniform"), space.log_volume());
    EXPECT_NEAR(value_of(figures, "nll_kernel_density"), space.log_volume(), 0.5) << space.name();
  }
}

TEST(PointFigures, WithoutTrainingRowsLeaveOutWhatNeedsThem) {
  const Space space({Sphere{2}});
  const auto figures = point_figures(space, points(space, 20, 1000), points(space, 20, 2000), {});
  EXPECT_TRUE(std::isnan(value_of(figures, "nll_kernel_density")));
  EXPECT_TRUE(std::isnan(value_of(figures, "duplicates")));
  EXPECT_FALSE(std::isnan(value_of(figures, "mmd_squared")));
}

at::Tensor coins(int64_t rows, const at::Tensor& p, uint64_t seed) {
  auto generator = make_generator(random_key(Stream::kTwin, {seed}));
  return (at::rand({rows, p.size(0)}, generator, at::kDouble) < p).to(at::kFloat);
}

TEST(BinaryFigures, OfIndependentNumbersAreTheirEntropy) {
  const at::Tensor p = at::tensor({0.1, 0.5, 0.7, 0.95}, at::kDouble);
  const at::Tensor train = coins(20000, p, 1), held_out = coins(20000, p, 2);
  const auto figures = binary_figures(coins(20000, p, 3), held_out, train);
  const at::Tensor entropy = -(p * p.log() + (1 - p) * (1 - p).log());
  EXPECT_NEAR(value_of(figures, "nll_independent"), entropy.sum().item<double>(), 0.03);
  EXPECT_NEAR(value_of(figures, "nll_uniform"), 4 * std::log(2.0), 1e-12);
  EXPECT_LT(value_of(figures, "pair_correlation_largest"), 3.5);
  EXPECT_LT(value_of(figures, "pair_correlation_error"), 0.02);
}

TEST(BinaryFigures, SeeAPairThatGoesTogether) {
  const at::Tensor p = at::full({5}, 0.5, at::kDouble);
  const at::Tensor independent = coins(4000, p, 1), tied = coins(4000, p, 2);
  tied.select(1, 3).copy_(tied.select(1, 0));
  const at::Tensor correlations = pair_correlations(tied);
  EXPECT_EQ(correlations[0][3].item<double>(), 1);
  EXPECT_EQ(correlations[2][2].item<double>(), 1);
  const auto figures = binary_figures(independent, tied, {});
  // 1 against about 0, pooled 1/2: an error of sqrt(3/4 * 2/4000).
  EXPECT_NEAR(value_of(figures, "pair_correlation_largest"), 1 / std::sqrt(0.75 / 2000), 2.5);
  EXPECT_TRUE(std::isnan(value_of(figures, "nll_independent")));
}

TEST(BinaryFigures, GiveRowsThatTrainingNeverSawAFiniteLogProbability) {
  const auto figures = binary_figures(at::zeros({4, 3}), at::ones({4, 3}), at::zeros({9, 3}));
  EXPECT_NEAR(value_of(figures, "nll_independent"), 3 * std::log(20.0), 1e-9);
  EXPECT_EQ(value_of(figures, "duplicates"), 0);
}

}  // namespace
}  // namespace ornstein
