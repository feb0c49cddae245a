// Twins on curved spaces and binary twins: what is drawn against what the density says.
#include "datasets/points/space_twins.h"

#include <gtest/gtest.h>

#include <numbers>

#include "datasets/points/communities.h"
#include "datasets/points/graph_list.h"
#include "datasets/points/ising.h"
#include "datasets/points/points_dataset.h"
#include "datasets/points/spaces.h"
#include "framework/base/random.h"

namespace ornstein::points {
namespace {

using std::numbers::pi;

// Middles of n cells of [low, high].
at::Tensor middles(double low, double high, int64_t n) {
  return low + (at::arange(n, at::kDouble) + 0.5) * ((high - low) / static_cast<double>(n));
}

struct Quadrature {
  at::Tensor x;       // [n, D]
  at::Tensor volume;  // [n], of each node
};

// Products of midpoint rules: in cos(theta) and phi; in two angles; in r and phi about the origin.
Quadrature quadrature(const std::string& space) {
  if (space == "torus") {
    const at::Tensor axis = middles(-pi, pi, 160);
    const at::Tensor x = at::cartesian_prod({axis, axis});
    return {x, at::full({x.size(0)}, std::pow(2 * pi / 160, 2), at::kDouble)};
  }
  const bool sphere = space == "sphere";
  const at::Tensor grid = at::cartesian_prod(
      {sphere ? middles(-1, 1, 400) : middles(0, 6, 500), middles(-pi, pi, 200)});
  const at::Tensor first = grid.select(1, 0), phi = grid.select(1, 1);
  if (sphere) {
    const at::Tensor radius = (1 - first.square()).sqrt();
    return {at::stack({radius * phi.cos(), radius * phi.sin(), first}, 1),
            at::full({grid.size(0)}, 4 * pi / 400 / 200, at::kDouble)};
  }
  return {at::stack({first.cosh(), first.sinh() * phi.cos(), first.sinh() * phi.sin()}, 1),
          first.sinh() * (6.0 / 500 * 2 * pi / 200)};
}

// Functions that tell laws apart: coordinates and their squares; of angles, cosines and sines.
at::Tensor tests_of(const std::string& space, const at::Tensor& x) {
  if (space == "torus") return at::cat({x.cos(), x.sin(), (2 * x).cos(), x.sum(1, true).sin()}, 1);
  return at::cat({x, x.square(), x.narrow(1, 0, 1) * x.narrow(1, 1, 1)}, 1);
}

void expect_mean(const at::Tensor& values, const at::Tensor& expected) {
  const double rows = static_cast<double>(values.size(0));
  const at::Tensor error = 4 * values.std(0) / std::sqrt(rows) + 1e-4;
  EXPECT_TRUE((values.mean(0) - expected).abs().le(error).all().item<bool>())
      << values.mean(0) << expected << error;
}

class SpaceTwin : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Twins, SpaceTwin,
                         testing::Values("sphere_mixture", "torus_mixture", "hyperbolic_mixture"),
                         [](const auto& info) { return info.param; });

TEST_P(SpaceTwin, HasADensityThatIntegratesToOneOverItsVolumeAndDrawsFromIt) {
  const Twin twin = find_twin(GetParam());
  const auto [x, volume] = quadrature(twin.space);
  const at::Tensor weights = twin.log_density(x).exp() * volume;
  EXPECT_NEAR(weights.sum().item<double>(), 1, 1e-3);
  auto generator = make_generator(1);
  expect_mean(tests_of(twin.space, twin.sample(20000, generator)),
              weights.unsqueeze(0).matmul(tests_of(twin.space, x)).squeeze(0));
}

TEST(SpaceTwins, LieOnTheirSpaceInSinglePrecision) {
  for (const Twin& twin : space_twins()) {
    const DataSource source = open_twin(twin, 3000);
    EXPECT_EQ(source.all->spec().space, twin.space);
    EXPECT_FALSE(first_row_off(twin.space, source.all->rows(at::arange(3000)).x).has_value())
        << twin.name;
    EXPECT_TRUE(source.log_density.isfinite().all().item<bool>());
  }
}

// Uniform rotations: of uniform unit quaternions.
at::Tensor uniform_rotations(int64_t rows, at::Generator& generator) {
  const at::Tensor normal = at::randn({rows, 4}, generator, at::kDouble);
  const auto q = (normal / normal.norm(2, 1, true)).unbind(1);
  const at::Tensor &w = q[0], &x = q[1], &y = q[2], &z = q[3];
  return at::stack({1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
                    2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
                    2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)},
                   1);
}

TEST(So3Mixture, HasADensityThatIntegratesToOneOverEightPiSquared) {
  auto generator = make_generator(2);
  const at::Tensor density =
      8 * pi * pi * find_twin("so3_mixture").log_density(uniform_rotations(60000, generator)).exp();
  EXPECT_NEAR(density.mean().item<double>(), 1,
              4 * density.std().item<double>() / std::sqrt(60000.0));
}

TEST(So3Mixture, DrawsFromItsDensity) {
  const Twin twin = find_twin("so3_mixture");
  auto generator = make_generator(3);
  // Matrices and squares under the density, by weights at uniform rotations.
  const at::Tensor x = uniform_rotations(60000, generator);
  const at::Tensor weights = (8 * pi * pi * twin.log_density(x).exp()).unsqueeze(1);
  const at::Tensor weighted = weights * at::cat({x, x.square()}, 1);
  const at::Tensor drawn = twin.sample(8000, generator);
  const at::Tensor found = at::cat({drawn, drawn.square()}, 1);
  const at::Tensor error = 4.5 * (weighted.var(0) / 60000 + found.var(0) / 8000).sqrt();
  EXPECT_TRUE((found.mean(0) - weighted.mean(0)).abs().le(error).all().item<bool>());
}

TEST(So3Mixture, HasMeansThatDecayAsItsClockSays) {
  // E X = sum_k w_k e^(-tau_k) R_k: eigenvalue 2 of the matrix entries at half the Laplacian.
  const at::Tensor axis_angles =
      at::tensor({0.3, -0.5, 0.2, 2., 1., -1., 0., 0., 3.}, at::kDouble).view({3, 3});
  at::Tensor expected = at::zeros({3, 3}, at::kDouble);
  for (const auto& [k, factor] :
       {std::pair{0, 0.5 * std::exp(-0.1)}, std::pair{1, 0.3 * std::exp(-0.15)},
        std::pair{2, 0.2 * std::exp(-0.3)}}) {
    const auto v = axis_angles[k].unbind(0);
    const at::Tensor zero = at::zeros({}, at::kDouble);
    const at::Tensor cross =
        at::stack({zero, -v[2], v[1], v[2], zero, -v[0], -v[1], v[0], zero}).view({3, 3});
    expected += factor * at::linalg_matrix_exp(cross);
  }
  auto generator = make_generator(8);
  expect_mean(find_twin("so3_mixture").sample(8000, generator), expected.flatten());
}

TEST(Ising, OfThreeByThreeHasTheProbabilitiesOfItsEnumeration) {
  const double beta = 0.3;
  const Twin twin = ising(3, beta);
  const at::Tensor x = at::arange(512)
                           .unsqueeze(1)
                           .bitwise_right_shift(at::arange(9))
                           .bitwise_and(1)
                           .to(at::kDouble);
  const at::Tensor spins = 2 * x - 1;
  at::Tensor energy = at::zeros({512}, at::kDouble);
  for (int64_t row = 0; row < 3; ++row)
    for (int64_t column = 0; column < 3; ++column) {
      const at::Tensor here = spins.select(1, 3 * row + column);
      energy += here * spins.select(1, 3 * row + (column + 1) % 3);
      energy += here * spins.select(1, 3 * ((row + 1) % 3) + column);
    }
  const at::Tensor p = at::softmax(beta * energy, 0);
  EXPECT_TRUE(at::allclose(twin.log_density(x), p.log(), 1e-12, 1e-12));
  const at::Tensor correlations = spins.t().matmul(p.unsqueeze(1) * spins);
  EXPECT_TRUE(at::allclose(ising_correlations(3, beta), correlations, 1e-12, 1e-12));

  auto generator = make_generator(4);
  const at::Tensor drawn = 2 * twin.sample(20000, generator) - 1;
  const at::Tensor products = (drawn.unsqueeze(1) * drawn.unsqueeze(2)).flatten(1);
  const at::Tensor error = 4.5 * ((1 - correlations.square()) / 20000).sqrt() + 1e-12;
  EXPECT_TRUE((products.mean(0).view({9, 9}) - correlations).abs().le(error).all().item<bool>());
  EXPECT_LT(drawn.mean(0).abs().max().item<double>(), 4.5 / std::sqrt(20000.0));
}

TEST(Ising, WithoutCouplingIsFairCoinsAndFollowsItsCorrelationsAtAnySize) {
  EXPECT_NEAR(ising(5, 0).log_density(at::zeros({1, 25}, at::kDouble)).item<double>(),
              -25 * std::log(2.0), 1e-12);
  const at::Tensor exact = ising_correlations(6, 0.4);
  EXPECT_TRUE(at::allclose(exact.diagonal(), at::ones({36}, at::kDouble)));
  EXPECT_TRUE(at::allclose(exact, exact.t()));
  auto generator = make_generator(5);
  const at::Tensor drawn = 2 * ising(6, 0.4).sample(4000, generator) - 1;
  // Bonds along rows, along columns, and the furthest pair.
  for (const auto& [a, b] : {std::pair{0, 1}, std::pair{0, 6}, std::pair{0, 21}}) {
    const at::Tensor product = drawn.select(1, a) * drawn.select(1, b);
    EXPECT_NEAR(product.mean().item<double>(), exact[a][b].item<double>(), 4 / std::sqrt(4000.0));
  }
}

TEST(Communities, HaveTheirEdgesAndProbabilities) {
  const Twin twin = communities();
  auto generator = make_generator(6);
  const at::Tensor x = twin.sample(4000, generator);
  EXPECT_EQ(x.size(1), 190);
  EXPECT_TRUE(twin.log_density(x).isfinite().all().item<bool>());
  // Each edge within a community of six is there with 0.7, whatever n is.
  const at::Tensor matrix = adjacency_of(x);
  EXPECT_NEAR(matrix.select(1, 0).select(1, 1).mean().item<double>(), 0.7,
              4 * std::sqrt(0.21 / 4000));
  const at::Tensor nodes = (matrix.sum(2) > 0).to(at::kLong).sum(1);
  EXPECT_LE(nodes.max().item<int64_t>(), 20);
  // Removing a certain edge is impossible where nothing is left between the communities.
  EXPECT_EQ(twin.log_density(at::zeros({1, 190}, at::kDouble)).exp().item<double>(), 0);
  // Over edges of one pair the probabilities of a graph with and without it are as 7 to 3.
  at::Tensor other = x.slice(0, 0, 50).clone();
  other.select(1, 0).copy_(1 - other.select(1, 0));  // nodes 0 and 1: in one community for all n
  const at::Tensor sign = 2 * x.slice(0, 0, 50).select(1, 0) - 1;
  EXPECT_TRUE(at::allclose(twin.log_density(x.slice(0, 0, 50)) - twin.log_density(other),
                           sign * std::log(7.0 / 3), 1e-9, 1e-9));
}

}  // namespace
}  // namespace ornstein::points
