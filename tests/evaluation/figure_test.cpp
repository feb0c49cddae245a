#include "framework/evaluation/figure.h"

#include <gtest/gtest.h>

#include "framework/base/random.h"

namespace ornstein {
namespace {

TEST(MeanFigure, CoversTheTruthAsOftenAsItsErrorSays) {
  auto generator = make_generator(1);
  const int64_t repeats = 2000;
  const at::Tensor draws = 3 + 2 * at::randn({repeats, 100}, generator, at::kDouble);
  int64_t covered = 0;
  for (int64_t i = 0; i < repeats; ++i) {
    const Figure figure = mean_figure("nll", draws[i], "nats");
    covered += std::abs(figure.value - 3) < 1.984 * figure.standard_error;  // Student t, 99 degrees
  }
  const double share = static_cast<double>(covered) / repeats;
  EXPECT_NEAR(share, 0.95, 4 * std::sqrt(0.95 * 0.05 / repeats));
}

TEST(MeanFigure, AveragesInFloat64) {
  const at::Tensor values = at::tensor({1e8f, 1.0f, -1e8f});
  EXPECT_DOUBLE_EQ(mean_figure("x", values, "").value, 1.0 / 3);
}

TEST(MeanFigure, KnowsNoErrorOfOneValue) {
  EXPECT_EQ(mean_figure("x", at::ones({1}), "").standard_error, 0);
  EXPECT_THROW(mean_figure("x", at::ones({0}), ""), c10::Error);
}

}  // namespace
}  // namespace ornstein
