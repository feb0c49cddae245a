#include "framework/math/ode.h"

#include <gtest/gtest.h>

namespace ornstein {
namespace {

std::vector<double> even_grid(double from, double to, int steps) {
  std::vector<double> grid(steps + 1);
  for (int i = 0; i <= steps; ++i) grid[i] = from + (to - from) * i / steps;
  return grid;
}

// dy/dt = 2 t y: y = y0 exp(t^2), in which both arguments matter.
at::Tensor growth(double t, const at::Tensor& y) { return 2 * t * y; }

double error_at_one(int steps) {
  const at::Tensor end = integrate_rk4(growth, at::ones({1}, at::kDouble), even_grid(0, 1, steps));
  return end.item<double>() - std::exp(1.0);
}

TEST(Rk4, ErrorFallsWithTheFourthPowerOfTheStep) {
  for (int steps : {10, 20, 40}) {
    const double order = std::log2(error_at_one(steps) / error_at_one(2 * steps));
    EXPECT_NEAR(order, 4, 0.15) << steps;
  }
  EXPECT_LT(std::abs(error_at_one(100)), 1e-7);
}

TEST(Rk4, IsExactOnCubicsOverAnUnevenGrid) {
  const auto cubic = [](double t, const at::Tensor& y) { return at::full_like(y, 4 * t * t * t); };
  const at::Tensor end = integrate_rk4(cubic, at::zeros({1}, at::kDouble), {-1, 0.3, 0.5, 2});
  EXPECT_NEAR(end.item<double>(), 15, 1e-12);
}

TEST(Rk4, RunsBackToWhereItCameFrom) {
  const at::Tensor start = at::arange(1, 5, at::kDouble).reshape({2, 2});
  const at::Tensor there = integrate_rk4(growth, start, even_grid(0, 1, 100));
  const at::Tensor back = integrate_rk4(growth, there, even_grid(1, 0, 100));
  EXPECT_TRUE(at::allclose(back, start, 1e-7, 0));
}

}  // namespace
}  // namespace ornstein
