#include "framework/math/function_norm.h"

#include <gtest/gtest.h>

#include <numbers>

#include "framework/base/errors.h"
#include "framework/base/random.h"
#include "framework/math/gaussian_field.h"
#include "framework/math/karhunen_loeve.h"

namespace ornstein {
namespace {

using std::numbers::pi;

at::Tensor line(int64_t n) { return at::linspace(0, 1, n, at::kDouble).unsqueeze(1); }

at::Tensor circle(int64_t n) {
  return (at::arange(n, at::kDouble) / static_cast<double>(n)).unsqueeze(1);
}

at::Tensor plane(const at::Tensor& x, const at::Tensor& y) {
  return at::stack(at::meshgrid({x.flatten(), y.flatten()}, "ij"), -1);
}

double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

at::Tensor noise(at::IntArrayRef shape) {
  auto generator = make_generator(1);
  return at::randn(shape, generator, at::kDouble);
}

// F3
TEST(KarhunenLoeve, FindsTheEigenvaluesOfTheExponentialKernel) {
  const auto expansion = KarhunenLoeve::on({.name = "exponential"}, line(512), 512);
  const at::Tensor known =
      at::tensor({0.187083, 0.156046, 0.121154, 0.091324, 0.068736, 0.052403}, at::kDouble);
  EXPECT_LT(largest(expansion.eigenvalues.slice(0, 0, 6) - known), 1e-3 * 0.05);
  EXPECT_NEAR(expansion.eigenvalues.sum().item<double>(), 1, 1e-9);
  const at::Tensor phi = expansion.functions.slice(0, 0, 20);
  const at::Tensor product = (phi * expansion.weights).matmul(phi.t());
  EXPECT_LT(largest(product - at::eye(20, at::kDouble)), 1e-12);
}

TEST(KarhunenLoeve, AllTermsMakeTheKernelAndItsDraws) {
  const at::Tensor x = line(9).square();
  const Kernel kernel{.name = "matern", .variance = 2};
  const auto expansion = KarhunenLoeve::on(kernel, x, 9);
  const at::Tensor root = expansion.expand(at::diag(expansion.eigenvalues.sqrt()));
  EXPECT_LT(largest(root.t().matmul(root) - covariance_matrix(kernel, x, x)), 1e-9);
  const at::Tensor c = noise({4, 3, 9});
  EXPECT_LT(largest(expansion.coefficients(expansion.expand(c)) - c), 1e-11);
  auto generator = make_generator(2);
  const int64_t rows = 20000;
  const at::Tensor f = expansion.draw(rows, generator).to(at::kDouble);
  const at::Tensor error = f.t().matmul(f) / rows - covariance_matrix(kernel, x, x);
  EXPECT_LT(largest(error), 5 * std::sqrt(2 * 4.0 / rows));
}

TEST(KarhunenLoeve, WorksOnAPlane) {
  const at::Tensor x = plane(line(5), 2 * line(6));
  const Kernel kernel{.name = "exponential", .length = 0.5};
  const auto expansion = KarhunenLoeve::on(kernel, x, 30);
  EXPECT_NEAR(expansion.eigenvalues.sum().item<double>(), 2, 1e-9);  // the domain's area
  const at::Tensor c = noise({2, 30});
  EXPECT_EQ(expansion.expand(c).sizes(), at::IntArrayRef({2, 5, 6}));
  EXPECT_LT(largest(expansion.coefficients(expansion.expand(c)) - c), 1e-11);
}

struct Case {
  std::string name;
  Kernel kernel;
  at::Tensor coordinates;
};

class SpectralNorm : public testing::TestWithParam<Case> {
 protected:
  int64_t points() const { return coordinates().numel() / coordinates().size(-1); }
  const Kernel& kernel() const { return GetParam().kernel; }
  const at::Tensor& coordinates() const { return GetParam().coordinates; }
  at::Tensor functions() const {  // [4, 2, n(, m)]
    auto shape = coordinates().sizes().slice(0, coordinates().dim() - 1).vec();
    shape.insert(shape.begin(), {4, 2});
    return noise(shape);
  }
};
INSTANTIATE_TEST_SUITE_P(
    Grids, SpectralNorm,
    testing::Values(
        Case{"Line", {.name = "matern"}, line(30).square()},
        Case{"Circle", {.name = "matern", .period = {1}}, circle(30)},
        Case{"OddCircle", {.name = "exponential", .period = {1}}, circle(31)},
        Case{"Plane", {.name = "exponential"}, plane(line(5), line(6))},
        Case{"Torus", {.name = "exponential", .period = {1, 1}}, plane(circle(5), circle(6))}),
    [](const auto& info) { return info.param.name; });

TEST_P(SpectralNorm, OfAllTermsIsTheCameronMartinNorm) {
  const auto field = GaussianField::on(kernel(), coordinates());
  const at::Tensor exact = field.cameron_martin(functions()).sum(1);
  const at::Tensor norm = MercerNorm::on(kernel(), coordinates(), points())(functions());
  EXPECT_LT(largest(norm / exact - 1), 1e-5);
}

TEST_P(SpectralNorm, GrowsWithTermsAndHasAGradient) {
  const at::Tensor e = functions().requires_grad_();
  const at::Tensor few = MercerNorm::on(kernel(), coordinates(), 5)(e);
  EXPECT_TRUE((few < MercerNorm::on(kernel(), coordinates(), 12)(e)).all().item<bool>());
  // Quadratic: e . gradient is twice the value (Euler).
  const at::Tensor gradient = torch::autograd::grad({few.sum()}, {e})[0];
  EXPECT_NEAR((gradient * e).sum().item<double>(), 2 * few.sum().item<double>(), 1e-9);
}

TEST(SpectralNorm, OnACircleCountsTheLargestModes) {
  const Kernel kernel{.name = "matern", .period = {1}};
  const at::Tensor x = circle(32).flatten();
  const auto wave = [&](int64_t k) { return (2 * pi * k * x).cos().reshape({1, 1, 32}); };
  const auto field = GaussianField::on(kernel, circle(32));
  const auto norm = MercerNorm::on(kernel, circle(32), 5);  // the constant, and k = 1, 2 twice
  for (int64_t k : {0, 1, 2})
    EXPECT_NEAR(norm(wave(k)).item<double>() / field.cameron_martin(wave(k)).item<double>(), 1,
                1e-9);
  EXPECT_LT(norm(wave(3)).item<double>(), 1e-12);
  const at::Tensor e = noise({3, 2, 32});
  EXPECT_LT(largest(MercerNorm::on(kernel, circle(32), 4)(e) - norm(e)), 1e-9);  // whole pairs
  EXPECT_LT(largest(norm(e.roll(7, 2)) - norm(e)), 1e-9);
}

TEST(FunctionNorm, TrapezoidRuleIsExactForLinesOnAnySpacing) {
  const at::Tensor x = line(12).square() * 3;
  const auto grid = Grid::of(x, {});
  ASSERT_TRUE(grid);
  EXPECT_NEAR(grid->weights().dot(2 * x.flatten() + 1).item<double>(), 9 + 3, 1e-12);
  const at::Tensor e = (2 * x + 1).reshape({1, 1, 12});
  const double gradient = (squared_sobolev(e, *grid, 0.5) - squared_l2(e, *grid)).item<double>();
  EXPECT_NEAR(gradient, 0.25 * 4 * 3, 1e-12);
  EXPECT_NEAR(squared_sobolev(e.flip(2), *Grid::of(x.flip(0), {}), 0.5).item<double>(),
              squared_sobolev(e, *grid, 0.5).item<double>(), 1e-12);
}

TEST(FunctionNorm, IsExactForHarmonicsOnACircle) {
  const at::Tensor x = 3 * circle(16);
  const auto grid = Grid::of(x, {3});
  const at::Tensor e = (2 * pi / 3 * 5 * x).sin().reshape({1, 1, 16});
  EXPECT_NEAR(squared_l2(e, *grid).item<double>(), 1.5, 1e-12);
}

// The unit function of a point is a hat between its neighbours, round the seam as well.
TEST(FunctionNorm, OfAHatOnAnUnevenCircleKnowsItsTwoNeighbours) {
  const at::Tensor x = at::tensor({0.1, 0.2, 0.5, 0.9, 1.4}, at::kDouble);
  const at::Tensor after = at::tensor({0.1, 0.3, 0.4, 0.5, 0.7}, at::kDouble);
  const at::Tensor before = at::tensor({0.7, 0.1, 0.3, 0.4, 0.5}, at::kDouble);
  const auto grid = Grid::of(x.unsqueeze(1), {2});
  const at::Tensor hats = at::eye(5, at::kDouble).unsqueeze(1);
  EXPECT_LT(largest(squared_l2(hats, *grid) - (before + after) / 2), 1e-14);
  const at::Tensor gradients = squared_sobolev(hats, *grid, 1) - squared_l2(hats, *grid);
  EXPECT_LT(largest(gradients - 1 / before - 1 / after), 1e-12);
}

// e = sin(2 pi x) + 3 cos(4 pi y) on [0, 1] x [0, 2], periodic in x.
TEST(FunctionNorm, ConvergesToTheIntegralOnACylinder) {
  const double squares = 1 + 9, gradients = 4 * pi * pi * 1 + 9 * 16 * pi * pi * 1;
  const auto error = [&](int64_t n) {
    const at::Tensor x = plane(circle(n), 2 * line(2 * n + 1));
    const auto grid = Grid::of(x, {1, 0});
    const at::Tensor e = (2 * pi * x.select(2, 0)).sin() + 3 * (4 * pi * x.select(2, 1)).cos();
    const at::Tensor both = at::stack({e, e}).unsqueeze(0);  // two channels
    return squared_sobolev(both, *grid, 0.3).item<double>() / 2 - squares - 0.09 * gradients;
  };
  EXPECT_LT(std::abs(error(64)), 0.01 * (squares + 0.09 * gradients));
  EXPECT_NEAR(error(32) / error(64), 4, 0.05);
}

// For the exponential kernel the Cameron-Martin norm is a Sobolev norm and the two ends.
TEST(FunctionNorm, SobolevNormIsTheExponentialKernelsUpToTheEnds) {
  const double length = 0.1;
  const auto gap = [&](int64_t n) {
    const at::Tensor x = line(n).flatten();
    const at::Tensor e = ((3 * x).sin() + x.square() + 0.3).reshape({1, 1, n});
    const double ends = (e[0][0][0].square() + e[0][0][n - 1].square()).item<double>() / 2;
    const double sobolev = squared_sobolev(e, *Grid::of(line(n), {}), length).item<double>();
    const auto field = GaussianField::on({.name = "exponential", .length = length}, line(n));
    return field.cameron_martin(e).item<double>() - ends - sobolev / (2 * length);
  };
  EXPECT_LT(std::abs(gap(401)), 1e-3);
  EXPECT_NEAR(gap(201) / gap(401), 4, 0.05);
}

TEST(FunctionNorm, OnlyProductsOfSortedAxesAreGrids) {
  EXPECT_TRUE(Grid::of(plane(line(4), line(5)).to(at::kFloat), {0, 0}));
  EXPECT_FALSE(Grid::of(at::tensor({0.0, 2.0, 1.0}, at::kDouble).unsqueeze(1), {}));
  EXPECT_FALSE(Grid::of(at::tensor({0.0, 1.0, 1.0}, at::kDouble).unsqueeze(1), {}));
  at::Tensor bent = plane(line(4), line(5)).clone();
  bent[2][3][0] += 0.1;
  EXPECT_FALSE(Grid::of(bent, {}));
  EXPECT_THROW(MercerNorm::on({.name = "matern"}, bent, 5), ConfigError);
  EXPECT_THROW(squared_l2(at::zeros({1, 1, 5}), *Grid::of(line(4), {})), c10::Error);
}

}  // namespace
}  // namespace ornstein
