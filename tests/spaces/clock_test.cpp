// One clock: after Brownian motion of generator one half Laplacian for a time tau an eigenfunction
// of eigenvalue lambda has decayed as exp(-lambda tau/2). Limits are five standard errors.
#include <gtest/gtest.h>

#include <numbers>

#include "tests/spaces/some_spaces.h"

namespace ornstein {
namespace {

using std::numbers::pi;

constexpr int64_t kRows = 20000;

// An observable of x and its start, and the mean it must have.
struct Clock {
  Space space;
  std::function<at::Tensor(const at::Tensor& x, const at::Tensor& start)> observable;  // [b]
  std::function<double(double tau)> mean;
};

at::Tensor overlap(const at::Tensor& x, const at::Tensor& y) { return (x * y).sum(1); }

std::vector<Clock> clocks() {
  std::vector<Clock> all;
  for (const int64_t d : {1, 2, 3, 5, 10, 12})
    all.push_back(
        {Space({Sphere{d}}), overlap, [d](double tau) { return std::exp(-d * tau / 2); }});
  for (const int64_t d : {1, 2, 3, 4})
    all.push_back({Space({Hyperbolic{d}}),
                   [](const at::Tensor& x, const at::Tensor& y) {
                     return 2 * x.select(1, 0) * y.select(1, 0) - overlap(x, y);  // cosh r
                   },
                   [d](double tau) { return std::exp(d * tau / 2); }});
  for (const int64_t n : {2, 3, 4})  // eigenvalue n - 1
    all.push_back({Space({Rotations{n}}), overlap, [n](double tau) {
                     return static_cast<double>(n) * std::exp(-(n - 1) * tau / 2);
                   }});
  all.push_back({Space({Torus{2}}),
                 [](const at::Tensor& x, const at::Tensor& y) { return (x - y).cos().mean(1); },
                 [](double tau) { return std::exp(-tau / 2); }});
  all.push_back({Space({Euclidean{3}}),
                 [](const at::Tensor& x, const at::Tensor& y) { return (x - y).square().sum(1); },
                 [](double tau) { return 3 * tau; }});
  return all;
}

void expect_mean(const at::Tensor& values, double mean, const std::string& of) {
  const double error = values.std().item<double>() / std::sqrt(static_cast<double>(values.numel()));
  EXPECT_NEAR(values.mean().item<double>(), mean, 5 * error + 1e-12) << of;
}

at::Tensor one_start(const Space& space) {
  return points(space, 1, 3).expand({kRows, space.ambient()});
}

TEST(Clock, BrownianMotionDecaysAtHalfTheEigenvalue) {
  for (const Clock& clock : clocks()) {
    const bool exact = clock.space.draws_exactly();
    const int64_t rows = exact ? kRows : 4000, steps = 40;
    at::Generator generator = make_generator(11);
    const at::Tensor x = one_start(clock.space).slice(0, 0, rows);
    for (const double tau : {0.05, 0.4, 1.5}) {
      if (!exact && tau > 1) continue;
      const at::Tensor y = clock.space.brownian(x, at::scalar_tensor(tau), generator, steps);
      EXPECT_LT(largest(clock.space.defect(y)), 1e-9);
      const double mean = clock.mean(tau);
      // A walk's deficit is of relative order tau^2/steps, and eleven times it on S^12.
      const double bias = exact ? 0 : 12 * tau * tau / steps * mean;
      const at::Tensor values = clock.observable(y, x);
      const double error = values.std().item<double>() / std::sqrt(static_cast<double>(rows));
      EXPECT_NEAR(values.mean().item<double>(), mean, 5 * error + bias)
          << clock.space.name() << clock.space.dimension() << " tau " << tau;
    }
  }
}

// The next even eigenfunction of S^2, P_2, decays as exp(-3 tau): the radial law, not only its
// mean.
TEST(Clock, SecondHarmonicOfTheSphereDecaysThreeTimesAsFast) {
  const Space space({Sphere{2}});
  at::Generator generator = make_generator(5);
  const at::Tensor x = one_start(space);
  for (const double tau : {0.1, 0.7}) {
    const at::Tensor c = overlap(space.brownian(x, at::scalar_tensor(tau), generator, 1), x);
    expect_mean(1.5 * c.square() - 0.5, std::exp(-3 * tau), "P_2");
  }
}

TEST(Clock, RowsMayHaveTimesOfTheirOwn) {
  const Space space = make_space("product:sphere3,torus2,so39,hyperbolic3", 17);
  at::Generator generator = make_generator(5);
  const at::Tensor x = one_start(space);
  const at::Tensor tau = at::where(at::arange(kRows) % 2 == 0, 0.1, 0.6);
  const at::Tensor y = space.brownian(x, tau, generator, 1);
  for (const int64_t half : {0, 1}) {
    const double t = half == 0 ? 0.1 : 0.6;
    const at::Tensor a = x.slice(0, half, kRows, 2), b = y.slice(0, half, kRows, 2);
    expect_mean(overlap(a.slice(1, 0, 3), b.slice(1, 0, 3)), std::exp(-t), "sphere");
    expect_mean((a - b).select(1, 3).cos(), std::exp(-t / 2), "torus");
    expect_mean(overlap(a.slice(1, 5, 14), b.slice(1, 5, 14)), 3 * std::exp(-t), "so3");
  }
}

// E cos r of one Gaussian step of variance g on S^2: sum_k (-1)^k g^k 2^k k!/(2k)!; over N steps to
// tau = 1 it is that to the N: 0.3615467 at N = 10, for e^-1 = 0.3678794.
TEST(RandomWalk, HasTheWeakErrorOfFirstOrderOnTheSphere) {
  auto cosine = [](double g) {
    double sum = 0, term = 1;
    for (int k = 0; k < 40; ++k) {
      sum += term;
      term *= -g * 2 * (k + 1) / ((2 * k + 1.0) * (2 * k + 2));
    }
    return sum;
  };
  EXPECT_NEAR(std::pow(cosine(0.1), 10), 0.3615467, 1e-7);
  EXPECT_NEAR((std::exp(-1.0) - std::pow(cosine(0.01), 100)) / (std::exp(-1.0) * 0.01 / 6), 1,
              0.02);
  const Space space({Sphere{2}});
  const at::Tensor x = one_start(space);
  for (const int64_t steps : {1, 4}) {
    at::Generator generator = make_generator(2);
    const at::Tensor y = random_walk(space, x, at::scalar_tensor(1.0), steps, generator);
    expect_mean(overlap(x, y), std::pow(cosine(1.0 / static_cast<double>(steps)), steps), "walk");
  }
}

TEST(Uniform, HasTheMomentsOfTheInvariantLaw) {
  const Space sphere({Sphere{4}}), so3({Rotations{3}}), so4({Rotations{4}}), torus({Torus{2}});
  const at::Tensor x = points(sphere, kRows, 1);
  expect_mean(x.select(1, 1), 0, "sphere");
  expect_mean(x.select(1, 1).square(), 1.0 / 5, "sphere, square");
  expect_mean(x.select(1, 1).pow(4), 3.0 / 35, "sphere, fourth power");
  for (const Space& space : {so3, so4}) {
    const at::Tensor r = points(space, kRows, 2);
    const double n = space.dimension() == 3 ? 3 : 4;
    for (const int64_t entry : {0, 1, 5}) {
      expect_mean(r.select(1, entry), 0, space.name());
      expect_mean(r.select(1, entry).square(), 1 / n, space.name());
    }
    const at::Tensor trace =
        r.view({-1, space.ambient() == 9 ? 3 : 4, space.ambient() == 9 ? 3 : 4})
            .diagonal(0, 1, 2)
            .sum(1);
    expect_mean(trace.square(), 1, space.name());  // characters are orthonormal
  }
  const at::Tensor angles = points(torus, kRows, 3);
  expect_mean(angles.square().select(1, 0), pi * pi / 3, "torus");
  EXPECT_LE(largest(angles), pi);
}

TEST(Uniform, IsKeptByBrownianMotion) {
  for (const Space& space : some_spaces()) {
    if (!space.compact()) continue;
    at::Generator generator = make_generator(5);
    const at::Tensor x = points(space, 4000, 1);
    const at::Tensor y = random_walk(space, x, at::scalar_tensor(0.5), 2, generator);
    for (int64_t i = 0; i < space.ambient(); ++i) expect_mean(y.select(1, i), 0, space.name());
  }
}

TEST(Reference, WrappedNormalHasTheSquaredRadiusOfItsGaussian) {
  const Space space({Hyperbolic{3, 0.7}});
  const at::Tensor x = points(space, kRows, 1);
  at::Tensor origin = at::zeros_like(x);
  origin.select(1, 0).fill_(1);
  expect_mean(space.distance(x, origin).square(), 3 * 0.49, "hyperbolic");
}

}  // namespace
}  // namespace ornstein
