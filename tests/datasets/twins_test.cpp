#include "datasets/points/twins.h"

#include <gtest/gtest.h>

#include <numbers>

#include "datasets/points/points_dataset.h"
#include "framework/base/errors.h"
#include "framework/base/random.h"

namespace ornstein::points {
namespace {

struct Mean {
  double value, standard_error;
};

// Of -log p over fresh samples of the twin.
Mean sampled_entropy(const Twin& twin, int64_t rows) {
  auto generator = make_generator(7);
  const at::Tensor nll = -twin.log_density(twin.sample(rows, generator));
  return {nll.mean().item<double>(),
          nll.std().item<double>() / std::sqrt(static_cast<double>(rows))};
}

// Middles of the cells, of side `cell`, of a grid over [-6, 6]^2. Sums over it converge like
// exp(-2 (pi std / cell)^2): 3e-6 for the sharpest twin (std 0.1) and cells of 1/8.
at::Tensor grid(double cell) {
  const at::Tensor axis = (at::arange(12 / cell, at::kDouble) + 0.5) * cell - 6;
  return at::cartesian_prod({axis, axis});
}

class EveryTwin : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Twins, EveryTwin,
                         testing::Values("gaussian", "gaussian_mixture", "swiss_roll", "two_moons",
                                         "checkerboard"),
                         [](const auto& info) { return info.param; });

TEST_P(EveryTwin, HasADensityThatIntegratesToOne) {
  const double cell = 1.0 / 8;
  const at::Tensor density = find_twin(GetParam()).log_density(grid(cell)).exp();
  EXPECT_NEAR(density.sum().item<double>() * cell * cell, 1, 1e-4);
}

TEST_P(EveryTwin, DrawsFromItsDensity) {
  // The share of samples in each unit square against the integral of the density over it.
  const Twin twin = find_twin(GetParam());
  const int64_t rows = 20000;
  auto generator = make_generator(3);
  const at::Tensor x = twin.sample(rows, generator);
  ASSERT_EQ(x.scalar_type(), at::kDouble);
  auto square = [](const at::Tensor& place) {
    return (place.floor() + 6).to(at::kLong).clamp(0, 11).matmul(at::tensor({12, 1}, at::kLong));
  };
  const double cell = 1.0 / 16;
  const at::Tensor places = grid(cell);
  const at::Tensor expected =
      at::bincount(square(places), twin.log_density(places).exp() * (cell * cell), 12 * 12);
  const at::Tensor found = at::bincount(square(x), {}, 12 * 12).to(at::kDouble) / rows;
  const at::Tensor tolerance = 4.5 * (expected / rows).sqrt() + 1e-3;  // 4.5: 144 squares at once
  EXPECT_TRUE((found - expected).abs().le(tolerance).all().item<bool>())
      << (found - expected).abs().max();
}

TEST_P(EveryTwin, GivesItsHeldOutRowsAFiniteDensity) {
  const DataSource source = open_twin(GetParam());
  EXPECT_EQ(source.all->spec().rows, 24000);
  EXPECT_EQ((source.split == 0).sum().item<int64_t>(), 20000);
  EXPECT_EQ((source.split == 1).sum().item<int64_t>(), 4000);
  EXPECT_TRUE(source.log_density.isfinite().all().item<bool>());
}

TEST(Gaussian, HasTheEntropyOfItsCovariance) {
  const double determinant = 1.0 * 1.5 - 0.8 * 0.8;
  const double entropy =
      std::log(2 * std::numbers::pi * std::numbers::e) + 0.5 * std::log(determinant);
  const Mean found = sampled_entropy(find_twin("gaussian"), 20000);
  EXPECT_NEAR(found.value, entropy, 4 * found.standard_error);
  EXPECT_LT(found.standard_error, 0.01);
}

TEST(Gaussian, HasItsMeanAndCovariance) {
  auto generator = make_generator(5);
  const int64_t rows = 20000;
  const at::Tensor x = find_twin("gaussian").sample(rows, generator);
  const at::Tensor mean = at::tensor({1.0, -0.5}, at::kDouble);
  const at::Tensor covariance = at::tensor({1.0, 0.8, 0.8, 1.5}, at::kDouble).view({2, 2});
  const double error = 4 * 1.5 * std::sqrt(2.0 / rows);  // the largest variance's own error
  EXPECT_LT((x.mean(0) - mean).abs().max().item<double>(), error);
  EXPECT_LT((at::cov(x.t()) - covariance).abs().max().item<double>(), error);
}

TEST(SwissRoll, HasItsKnownEntropy) {
  const Mean found = sampled_entropy(find_twin("swiss_roll"), 20000);
  EXPECT_NEAR(found.value, 1.9653, 4 * found.standard_error);
  EXPECT_LT(found.standard_error, 0.01);
}

TEST(SwissRoll, HasTheDensityOfAFineSumOverItsCurve) {
  // Against the plain rectangle rule with many more nodes.
  const int64_t nodes = 20000;
  const at::Tensor theta =
      1.5 * std::numbers::pi * (1 + 2 * (at::arange(nodes, at::kDouble) + 0.5) / nodes);
  const at::Tensor curve = at::stack({theta * theta.cos(), theta * theta.sin()}, 1) / 5;
  const at::Tensor x = at::tensor({0.0, 0.9, -0.94, 0.0, 2.8, 0.0, 1.0, 2.0}).to(at::kDouble);
  const at::Tensor found = find_twin("swiss_roll").log_density(x.view({-1, 2}));
  for (int64_t i = 0; i < 4; ++i) {
    const at::Tensor distance = (x.view({-1, 2})[i] - curve).square().sum(1);
    const double expected = at::logsumexp(distance / -0.02, 0).item<double>() -
                            std::log(0.02 * std::numbers::pi * nodes);
    EXPECT_NEAR(found[i].item<double>(), expected, 1e-6);
  }
}

TEST(Checkerboard, HasTheEntropyOfEightUnitSquares) {
  const Mean found = sampled_entropy(find_twin("checkerboard"), 2000);
  EXPECT_NEAR(found.value, std::log(8.0), 1e-12);
}

TEST(Checkerboard, IsEmptyOffItsSquares) {
  const at::Tensor x = at::tensor({-1.5, -1.5, -0.5, -1.5, 2.5, 2.5, -2.5, 1.5}, at::kDouble);
  const at::Tensor density = find_twin("checkerboard").log_density(x.view({-1, 2})).exp();
  EXPECT_NEAR(density[0].item<double>(), 1.0 / 8, 1e-12);
  EXPECT_EQ(density.slice(0, 1).abs().max().item<double>(), 0);
}

TEST(Twins, AreOneFixedSetOfData) {
  EXPECT_EQ(open_twin("two_moons", 600).content_hash, open_twin("two_moons", 600).content_hash);
  EXPECT_NE(open_twin("two_moons", 600).content_hash, open_twin("swiss_roll", 600).content_hash);
  EXPECT_NE(open_twin("two_moons", 600).content_hash, open_twin("two_moons", 1200).content_hash);
}

TEST(Twins, AreCalledByTheirNames) {
  try {
    find_twin("swiss_rol");
    FAIL() << "a twin nobody made";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("swiss_roll"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace ornstein::points
