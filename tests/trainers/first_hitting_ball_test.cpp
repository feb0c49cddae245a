#include "trainers/first_hitting/ball.h"

#include "tests/trainers/first_hitting_support.h"
#include "trainers/first_hitting/poisson_law.h"

namespace ornstein::first_hitting {
namespace {

constexpr double kResolution = 1e-3;

// u(z) = 1 + a . z is harmonic, and grad log u = a/u.
struct Linear {
  at::Tensor a = at::tensor({0.0, 0.36, 0.48}, at::kDouble);  // |a| = 0.6

  at::Tensor u(const at::Tensor& z) const { return 1 + z.mv(a); }
  DriftNetwork network(double resolution) const {
    return [=, *this](const at::Tensor& z) {
      return (1 - z.norm(2, 1, true) + resolution) * a / u(z).unsqueeze(1);
    };
  }
};

// Euler's walk in equal steps h from the centre of the ball of R^3.
Ball equal_steps(double h) { return {3, 1.0, std::sqrt(3 * h), true}; }

TEST(PoissonLaw, HasTheHarmonicMomentsInAnyDimension) {
  auto generator = make_generator(1);
  const int64_t n = 40000;
  for (const int64_t d : {2, 3, 5}) {
    const at::Tensor pole = uniform_directions(1, d, generator).repeat({n, 1});
    for (const double r : {0.0, 0.3, 0.97}) {
      const PoissonDraw drawn = draw_poisson(pole, at::full({n}, r, at::kDouble), generator);
      const at::Tensor y = drawn.along + drawn.across, w = (y * pole).sum(1);
      EXPECT_LT((y.norm(2, 1) - 1).abs().max().item<double>(), 1e-12);
      const double n_d = static_cast<double>(d);
      expect_mean(w, r);
      expect_mean(w.square() - 1 / n_d, r * r * (1 - 1 / n_d));
      const at::Tensor across = drawn.across.select(1, 0);
      expect_mean(across, 0);
    }
  }
}

TEST(Ball, BridgeDriftIsTheGradientOfThePoissonKernel) {
  auto generator = make_generator(2);
  for (const int64_t d : {2, 3, 4}) {
    const at::Tensor x = uniform_directions(5, d, generator);
    const at::Tensor z = (0.7 * uniform_directions(5, d, generator)).requires_grad_();
    const at::Tensor gradient = torch::autograd::grad({log_poisson(z, x).sum()}, {z})[0];
    const at::Tensor b = Ball(d, kResolution, 0.5, false).bridge_drift(z, x);
    EXPECT_TRUE(at::allclose(b, gradient, 1e-10, 1e-10));
  }
}

// int g = 1/d, int r^2 g = 1/(2 (d + 2)); a bridge's mean place at radius r is r x.
TEST(Ball, BridgesHaveTheTimeSpentByTheWalk) {
  auto generator = make_generator(3);
  const int64_t n = 40000;
  for (const int64_t d : {2, 3, 5}) {
    const double n_d = static_cast<double>(d);
    const at::Tensor x = uniform_directions(1, d, generator).repeat({n, 1});
    const Bridges bridges =
        Ball(d, kResolution, 0.5, false).bridges(x, quantiles(n, generator), generator);
    ASSERT_EQ(bridges.z.size(0), 2 * n);
    const auto spent = [&](const at::Tensor& f) { return of_rows(bridges.weight * f, n); };
    const at::Tensor square = bridges.z.square().sum(1);
    expect_mean(spent(at::ones_like(square)), 1 / n_d);
    expect_mean(spent(square), 1 / (2 * (n_d + 2)));
    expect_mean(spent((bridges.z * bridges.x).sum(1)), 1 / (2 * (n_d + 2)));
  }
}

TEST(Ball, WalkWithoutDriftHitsUniformly) {
  const int64_t n = 20000;
  for (const bool euler : {false, true}) {
    auto generator = make_generator(4);
    const Ball ball(3, 5e-3, 0.7, euler);
    const Arrivals arrivals = walk(ball, no_output, n, {}, generator);
    const at::Tensor x = ball.hit(arrivals.z, generator);
    EXPECT_LT((x.norm(2, 1) - 1).abs().max().item<double>(), 1e-12);
    EXPECT_EQ(arrivals.log_ratio.abs().max().item<double>(), 0);
    for (int64_t i = 0; i < 3; ++i) {
      expect_mean(x.select(1, i), 0);
      expect_mean(x.select(1, i).square(), 1.0 / 3);
      expect_mean(x.select(1, i) * (arrivals.steps - arrivals.steps.mean()), 0);
    }
    // Each coordinate is uniform in [-1, 1] (Archimedes): Kolmogorov's distance, level 0.001.
    const at::Tensor sorted = std::get<0>(x.select(1, 2).sort());
    const at::Tensor expected = 2 * (at::arange(n, at::kDouble) + 0.5) / n - 1;
    EXPECT_LT((sorted - expected).abs().max().item<double>() / 2, 1.95 / std::sqrt(n));
  }
}

// Coordinates and spherical harmonics are harmonic: their mean where the walk hits is their value
// where it starts, |z|^l Y_l.
TEST(Ball, WalkFromOffTheCentreHitsWithTheHarmonicMoments) {
  const Ball ball(3, kResolution, 0.7, false);
  auto generator = make_generator(12);
  const int64_t rows = 20000;
  at::Tensor z = repeated_row({0.0, 0.3, 0.4}, rows);
  for (at::Tensor going = ~ball.arrived(z); going.any().item<bool>(); going = ~ball.arrived(z))
    z = at::where(going.unsqueeze(1), ball.step(z, no_output(z), {}, generator).z, z);
  const at::Tensor x = ball.hit(z, generator);
  for (const auto& [axis, start] : {std::pair(0, 0.0), std::pair(1, 0.3), std::pair(2, 0.4)})
    expect_mean(x.select(1, axis), start);
  expect_mean(x.select(1, 1) * x.select(1, 2), 0.3 * 0.4);
  expect_mean(x.select(1, 2).square() - x.select(1, 0).square(), 0.4 * 0.4);
}

TEST(Ball, EulersWalkWithTheBoundaryMovedHasTheHittingTimesLaw) {
  auto generator = make_generator(5);
  const double h = 1e-3, lambda = 2;
  const Arrivals arrivals = walk(equal_steps(h), no_output, 10000, {}, generator);
  const at::Tensor tau = h * arrivals.steps;
  expect_mean(tau, 1.0 / 3, 0.003);
  expect_mean((tau - 1.0 / 3).square(), 2.0 / 45, 0.002);
  const double root = std::sqrt(2 * lambda);
  expect_mean((-lambda * tau).exp(), root / std::sinh(root), 0.003);
}

TEST(Ball, WalkWithTheHarmonicDriftHitsByItsDensity) {
  const Linear linear;
  const int64_t n = 20000;
  for (const bool euler : {false, true}) {
    auto generator = make_generator(6);
    const Ball ball(3, 5e-3, 0.7, euler);
    const Arrivals arrivals = walk(ball, linear.network(5e-3), n, {}, generator);
    const at::Tensor x = ball.hit(arrivals.z, generator);
    for (int64_t i = 0; i < 3; ++i)
      expect_mean(x.select(1, i), linear.a[i].item<double>() / 3, euler ? 0.004 : 0);
  }
  auto generator = make_generator(7);
  const Arrivals arrivals = walk(equal_steps(1e-3), linear.network(1), 5000, {}, generator);
  expect_mean(1e-3 * arrivals.steps, 1.0 / 3, 0.003);
}

// On spheres the tilt of a linear u is exact; by Euler's steps the error is of the order sqrt(h).
TEST(Ball, RatioOfAWalkIsTheHarmonicFunctionWhereItEnds) {
  const Linear linear;
  auto generator = make_generator(8);
  const Arrivals exact =
      walk(Ball(3, kResolution, 0.6, false), linear.network(kResolution), 500, {}, generator);
  EXPECT_LT((exact.log_ratio - linear.u(exact.z).log()).abs().max().item<double>(), 1e-11);
  const auto error = [&](double h) {
    const Arrivals arrivals = walk(equal_steps(h), linear.network(1), 2000, {}, generator);
    return std::sqrt(mean_of((arrivals.log_ratio - linear.u(arrivals.z).log()).square()));
  };
  const double coarse = error(1e-2), fine = error(1e-3);
  EXPECT_LT(coarse, 0.03);
  EXPECT_GT(coarse / fine, 2);
  EXPECT_LT(coarse / fine, 5);
}

TEST(Ball, BoundOfTheHarmonicDriftIsTheLogDensity) {
  const Linear linear;
  auto generator = make_generator(9);
  const Ball ball(3, kResolution, 0.6, false);
  const at::Tensor ends = at::tensor({0.0, 0.6, 0.8, 0.0, -0.6, -0.8, 1.0, 0.0, 0.0}, at::kDouble);
  for (const at::Tensor& end : ends.view({3, 3}).unbind()) {
    const int64_t n = 20000;
    const at::Tensor x = end.unsqueeze(0).repeat({n, 1});
    const double log_density = std::log(1 + end.dot(linear.a).item<double>());
    const Bridges bridges = ball.bridges(x, quantiles(n, generator), generator);
    const at::Tensor cost = ball.cost(linear.network(kResolution)(bridges.z), bridges);
    expect_mean(of_rows(cost, n), -log_density);
    // One bridge is as good as many: only where it stopped, short of x, is left to chance.
    const at::Tensor weighed = importance_log_density(ball, linear.network(kResolution),
                                                      x.narrow(0, 0, 200), 1, generator);
    EXPECT_NEAR(mean_of(weighed), log_density - std::log(4 * M_PI), 5e-3);
  }
}

TEST(Ball, BridgesEndWhereTheyShouldInTheMeanTimeOfAnyWalk) {
  auto generator = make_generator(10);
  const int64_t n = 1000;
  const Ball ball(3, 1e-7, 0.8, false);
  const at::Tensor x = uniform_directions(n, 3, generator);
  at::Tensor z = ball.start(n), time = at::zeros({n}, at::kDouble);
  while (!ball.arrived(z).all().item<bool>()) {
    const at::Tensor next = ball.step(z, no_output(z), x, generator).z;
    const at::Tensor going = (~ball.arrived(z)).to(at::kDouble);
    time += going * (next - z).square().sum(1) / 3;  // E tau of a sphere of radius rho: rho^2/d
    z = at::where(going.unsqueeze(1) > 0, next, z);
  }
  expect_mean(time, 1.0 / 3);
  EXPECT_LT((z - x).norm(2, 1).max().item<double>(), 1e-2);
}

TEST(Ball, TakesAboutAsManyStepsAsAskedFor) {
  auto generator = make_generator(11);
  const Ball ball(3, 1e-3, int64_t{200}, false);
  const auto mean = [&](const Domain& domain) {
    return mean_of(walk(domain, no_output, 500, {}, generator).steps);
  };
  EXPECT_NEAR(mean(ball) / 200, 1, 0.3);
  EXPECT_NEAR(mean(*ball.with_steps(100)) / 100, 1, 0.3);
}

}  // namespace
}  // namespace ornstein::first_hitting
