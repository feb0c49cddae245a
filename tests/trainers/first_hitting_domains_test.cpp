#include "tests/trainers/first_hitting_support.h"
#include "trainers/first_hitting/ball.h"
#include "trainers/first_hitting/cube.h"
#include "trainers/first_hitting/fixed_time.h"
#include "trainers/first_hitting/lattice_walk.h"

namespace ornstein::first_hitting {
namespace {

// Two coordinates that agree with probability c: u = 2 c (z_1 z_2 + (1 - z_1)(1 - z_2)) + ...
at::Tensor agreeing(const at::Tensor& z, double c) {
  const at::Tensor other = z.flip(1);
  return ((c * other + (1 - c) * (1 - other)) / ((1 - c) * other + c * (1 - other))).log();
}

TEST(LatticeWalk, TakesTheTimeOfBrownianMotion) {
  for (const int64_t m : {1, 2, 8})
    EXPECT_NEAR(lattice_walk(m, 1).steps, static_cast<double>(m * m), 1e-9);
  // The largest of D exponential tails of rate pi^2/2, of which 4/pi are left at time 0.
  const int64_t m = 32, d = 100;
  const double time = lattice_walk(m, d).steps / static_cast<double>(4 * m * m);
  EXPECT_NEAR(time, 2 / (M_PI * M_PI) * (std::log(4 * d / M_PI) + 0.5772), 0.005);
}

// One coordinate with odds p: the law is exact on any lattice, and so is the ratio of every walk.
TEST(Cube, DrawsACoinExactly) {
  const double p = 0.8;
  const DriftNetwork network = [&](const at::Tensor& z) {
    return at::full_like(z, std::log(p / (1 - p)));
  };
  for (const int64_t m : {1, 2, 8}) {
    auto generator = make_generator(1);
    const Cube cube(1, m);
    const Arrivals arrivals = walk(cube, network, 20000, {}, generator);
    const at::Tensor one = arrivals.z.select(1, 0);
    expect_mean(one, p);
    expect_mean(arrivals.steps, static_cast<double>(m * m));
    const at::Tensor density = one * p + (1 - one) * (1 - p);
    EXPECT_LT((arrivals.log_ratio - (2 * density).log()).abs().max().item<double>(), 1e-11);
  }
  const at::Tensor z = at::tensor({0.25, 0.5, 0.9375}, at::kDouble).unsqueeze(1);
  const at::Tensor drift = (2 * p - 1) / (p * z + (1 - p) * (1 - z));
  EXPECT_TRUE(at::allclose(Cube(1, 8).drift(network(z), z), drift, 1e-12, 0));
}

TEST(Cube, BridgesAreStatesOfSimulatedOnes) {
  auto generator = make_generator(2);
  const Cube cube(3, 4);
  const int64_t n = 20000;
  const at::Tensor x = repeated_row({1, 0, 1}, n);
  const auto statistics = [](const at::Tensor& z) {
    const at::Tensor inside = (z > 0).logical_and(z < 1).to(z);
    return at::cat({z, z.square(), inside, z.prod(1, true), inside.prod(1, true)}, 1);
  };
  const Bridges bridges = cube.bridges(x, quantiles(n, generator), generator);
  const at::Tensor drawn = bridges.weight.unsqueeze(1) * statistics(bridges.z);
  at::Tensor z = cube.start(n), spent = at::zeros({n, 11}, at::kDouble);
  while (!cube.arrived(z).all().item<bool>()) {
    spent += (~cube.arrived(z)).to(z).unsqueeze(1) * statistics(z);
    z = cube.step(z, no_output(z), x, generator).z;
  }
  EXPECT_TRUE(z.equal(x));
  for (int64_t i = 0; i < 11; ++i)
    expect_mean(drawn.select(1, i), mean_of(spent.select(1, i)), 5 * error_of(spent.select(1, i)));
}

TEST(Cube, BoundOfIndependentCoinsIsTheirLogProbability) {
  auto generator = make_generator(3);
  const Cube cube(2, 2);
  const int64_t n = 50000;
  const at::Tensor odds = at::tensor({0.7, 0.2}, at::kDouble);
  const Bridges bridges = cube.bridges(repeated_row({1, 1}, n), quantiles(n, generator), generator);
  const at::Tensor cost = cube.cost(at::logit(odds).unsqueeze(0).expand_as(bridges.z), bridges);
  expect_mean(cost, -std::log(0.7 * 0.2 * 4));
}

// Steps that are taken independently cost of the order delta^2 = 1/(4 m^2).
TEST(Cube, GapOfDependentCoinsFallsAsTheSquareOfTheStep) {
  const double c = 0.95;
  const auto gap = [&](int64_t m) {
    auto generator = make_generator(4);
    const int64_t n = 200000;
    const Cube cube(2, m);
    at::Tensor x = at::zeros({n, 2}, at::kDouble);
    x.narrow(0, 0, static_cast<int64_t>(c * n)).select(1, 1).fill_(1);
    x.select(1, 0).fill_(1);
    const Bridges bridges = cube.bridges(x, quantiles(n, generator), generator);
    const at::Tensor cost = cube.cost(agreeing(bridges.z, c), bridges);
    const double entropy = -c * std::log(2 * c) - (1 - c) * std::log(2 * (1 - c));
    return std::pair(mean_of(cost) - entropy, error_of(cost));
  };
  const auto [coarse, coarse_error] = gap(2);
  const auto [fine, fine_error] = gap(8);
  EXPECT_GT(coarse, 10 * coarse_error);
  EXPECT_NEAR(fine, coarse / 16, 5 * fine_error + coarse / 32);

  auto generator = make_generator(5);
  const Cube cube(2, 8);
  const at::Tensor x =
      walk(
          cube, [&](const at::Tensor& z) { return agreeing(z, c); }, 20000, {}, generator)
          .z;
  expect_mean((x.select(1, 0) == x.select(1, 1)).to(at::kDouble), c, 0.005);
}

TEST(Cube, TakesAnotherLatticeForOtherNumbersOfSteps) {
  const Cube cube(9, 8);
  auto generator = make_generator(6);
  const auto coarse = cube.with_steps(40);
  const Arrivals arrivals = walk(*coarse, no_output, 4000, {}, generator);
  EXPECT_LE(mean_of(arrivals.steps), 40);
  EXPECT_GT(mean_of(arrivals.steps), 10);
  EXPECT_GT(mean_of(walk(*cube.with_steps(700), no_output, 500, {}, generator).steps), 350);
  expect_mean(walk(cube, no_output, 4000, {}, generator).steps, cube.mean_steps());
}

// The expectation of a target given its state is taken over the same ends: the mean cost stays, and
// varies less.
void expect_blending(const Domain& domain, const at::Tensor& ends, const DriftNetwork& network) {
  auto generator = make_generator(8);
  const int64_t n = 20000;
  const at::Tensor x = ends.repeat({n / ends.size(0), 1});
  const Bridges bridges = domain.bridges(x, quantiles(n, generator), generator);
  const Bridges blended = domain.blended(bridges, ends);
  const at::Tensor output = network(bridges.z);
  const at::Tensor cost = of_rows(domain.cost(output, bridges), n);
  const at::Tensor blend = of_rows(domain.cost(output, blended), n);
  expect_mean(cost - blend, 0);
  EXPECT_LT(error_of(blend), error_of(cost));
}

TEST(Domain, BlendedTargetsHaveTheSameMeanCostAndLessNoise) {
  auto generator = make_generator(9);
  const auto network = [](const at::Tensor& z) { return 0.4 + z * z.flip(1); };
  expect_blending(Ball(3, 0.01, 0.5, false), uniform_directions(4, 3, generator), network);
  expect_blending(Ball(4, 0.01, 0.5, false), uniform_directions(5, 4, generator), network);
  expect_blending(Cube(3, 4), at::randint(2, {5, 3}, generator, at::kDouble), network);
  expect_blending(FixedTime(2, 0.1, 10), at::randn({4, 2}, generator, at::kDouble),
                  [](const at::Tensor& z) { return 1 - z.narrow(1, 0, 2).flip(1); });
}

// Data N(0, v): grad log u = z (v - 1)/(v t + 1 - t).
TEST(FixedTime, WalkAndBoundOfAGaussianAreItsLaw) {
  const double resolution = 0.01, v = 0.3;
  const DriftNetwork network = [&](const at::Tensor& z) {
    const at::Tensor left = z.narrow(1, 1, 1), place = z.narrow(1, 0, 1);
    return place * (v - 1) / (v * (1 - left) + left) * (left + resolution * resolution).sqrt();
  };
  const FixedTime domain(1, resolution, 200);
  auto generator = make_generator(7);
  const Arrivals arrivals = walk(domain, network, 20000, {}, generator);
  EXPECT_EQ(arrivals.steps.max().item<double>(), 200);
  EXPECT_EQ(arrivals.steps.min().item<double>(), 200);
  expect_mean(domain.hit(arrivals.z, generator), 0);
  expect_mean(domain.hit(arrivals.z, generator).square(), v, 0.01);

  for (const double end : {0.2, 1.1}) {
    const double log_density = -(end * end / v + std::log(2 * M_PI * v)) / 2;
    const at::Tensor x = at::full({20000, 1}, end, at::kDouble);
    const Bridges bridges = domain.bridges(x, quantiles(20000, generator), generator);
    expect_mean(of_rows(domain.cost(network(bridges.z), bridges), 20000) - domain.log_base(x),
                -log_density);
    const at::Tensor weighed =
        importance_log_density(domain, network, x.narrow(0, 0, 500), 1, generator);
    EXPECT_NEAR(mean_of(weighed), log_density, 0.02);
  }
}

}  // namespace
}  // namespace ornstein::first_hitting
