// Heat kernels: total mass, the heat equation, the semigroup, moments, scores against differences,
// and every regime against the others.
#include <gtest/gtest.h>

#include <numbers>

#include "framework/spaces/small_time.h"
#include "tests/spaces/some_spaces.h"

namespace ornstein {
namespace {

using std::numbers::pi;

// A kernel of the distance r, and the area of the sphere of radius r in its space.
struct Radial {
  std::string name;
  std::function<RadialKernel(double r, double tau)> kernel;
  std::function<double(double r)> area;
  std::function<double(double r)> log_area_slope;  // d log area/dr
  double reach;                                    // r runs up to here
};

Radial sphere(int64_t d) {
  return {
      "S" + std::to_string(d), [d](double r, double tau) { return sphere_kernel(d, r, tau); },
      [d](double r) { return std::exp(log_sphere_volume(d - 1)) * std::pow(std::sin(r), d - 1); },
      [d](double r) { return static_cast<double>(d - 1) / std::tan(r); }, pi};
}

Radial hyperbolic(int64_t d) {
  return {
      "H" + std::to_string(d), [d](double r, double tau) { return hyperbolic_kernel(d, r, tau); },
      [d](double r) { return std::exp(log_sphere_volume(d - 1)) * std::pow(std::sinh(r), d - 1); },
      [d](double r) { return static_cast<double>(d - 1) / std::tanh(r); }, 25};
}

Radial so3() {
  return {"SO3", so3_kernel, [](double w) { return 16 * pi * std::pow(std::sin(w / 2), 2); },
          [](double w) { return 1 / std::tan(w / 2); }, pi};
}

Radial circle() {
  return {"T1", circle_kernel, [](double) { return 2.0; }, [](double) { return 0.0; }, pi};
}

// E f(r) under the kernel, by the midpoint rule.
double mean(const Radial& space, double tau, const std::function<double(double r)>& f) {
  const int nodes = 4000;
  const double reach = std::min(space.reach, 14 * std::sqrt(tau) + 10 * tau);
  double sum = 0;
  for (int i = 0; i < nodes; ++i) {
    const double r = reach * (i + 0.5) / nodes;
    sum += std::exp(space.kernel(r, tau).log_density) * space.area(r) * f(r) * reach / nodes;
  }
  return sum;
}

double one(double) { return 1; }

TEST(HeatKernel, HasMassOneInEveryRegime) {
  for (const Radial& space : {circle(), sphere(1), sphere(2), sphere(3), sphere(6), so3(),
                              hyperbolic(1), hyperbolic(2), hyperbolic(3)})
    for (const double tau : {0.002, 0.03, 0.06, 0.2, 0.49, 0.51, 1.0, 3.0})
      EXPECT_NEAR(mean(space, tau, one), 1, 2e-6) << space.name << " tau " << tau;
}

TEST(HeatKernel, IsFollowedByTheMomentsOfTheClock) {
  auto cosine = [](double r) { return std::cos(r); };
  for (const double tau : {0.05, 0.3, 1.2}) {
    for (const int d : {1, 2, 3, 5})
      EXPECT_NEAR(mean(sphere(d), tau, cosine), std::exp(-d * tau / 2), 1e-5) << d;
    EXPECT_NEAR(mean(circle(), tau, cosine), std::exp(-tau / 2), 1e-9);
    EXPECT_NEAR(mean(so3(), tau, [](double w) { return 1 + 2 * std::cos(w); }), 3 * std::exp(-tau),
                1e-8);
    for (const int d : {1, 2, 3})
      EXPECT_NEAR(
          mean(hyperbolic(d), tau, [](double r) { return std::cosh(r); }) / std::exp(d * tau / 2),
          1, 1e-6)
          << d;
  }
}

// Values computed from the eigenfunction series by another program.
TEST(HeatKernel, OfTheTwoSphereHasItsKnownValues) {
  auto density = [](double r, double tau) {
    return std::exp(sphere_kernel(2, r, tau).log_density);
  };
  EXPECT_NEAR(density(0, 1), 0.188625, 1e-6);
  EXPECT_NEAR(density(pi, 1), 0.0102138, 1e-7);
  EXPECT_NEAR(density(0, 0.25), 0.663825, 1e-6);
  EXPECT_NEAR(density(pi, 0.25) / 2.77e-8, 1, 5e-3);
  EXPECT_NEAR(density(0, 2.5), 0.0993941, 1e-7);
  EXPECT_NEAR(density(pi, 2.5), 0.0602010, 1e-7);
}

// d log p/dtau = (L'' + L'^2 + L' d log area/dr)/2 with L' = -r pull: it ties the density to the
// pull, and both to the clock. Returns the difference of both sides.
double heat_equation_gap(const Radial& space, double r, double tau) {
  const double dt = 1e-4 * tau, dr = 1e-4 * std::sqrt(tau);
  auto slope = [&](double at) { return -at * space.kernel(at, tau).pull; };
  const double left =
      (space.kernel(r, tau + dt).log_density - space.kernel(r, tau - dt).log_density) / (2 * dt);
  const double l1 = slope(r), l2 = (slope(r + dr) - slope(r - dr)) / (2 * dr);
  return left - (l2 + l1 * l1 + l1 * space.log_area_slope(r)) / 2;
}

TEST(HeatKernel, SolvesTheHeatEquation) {
  for (const Radial& space : {circle(), sphere(1), sphere(2), sphere(3), sphere(6), so3(),
                              hyperbolic(1), hyperbolic(2), hyperbolic(3)})
    for (const double tau : {0.004, 0.02, 0.06, 0.3, 0.8, 2.0})
      for (const double of_root : {0.3, 1.0, 2.5}) {
        const double r = of_root * std::sqrt(tau);
        if (r > 0.95 * space.reach) continue;
        EXPECT_LT(std::abs(heat_equation_gap(space, r, tau)) * tau, 2e-5)
            << space.name << " r " << r << " tau " << tau;
      }
}

TEST(HeatKernel, PullIsTheSlopeOfTheLogDensity) {
  for (const Radial& space : {circle(), sphere(1), sphere(2), sphere(4), sphere(9), so3(),
                              hyperbolic(1), hyperbolic(2), hyperbolic(3), hyperbolic(4)})
    for (const double tau : {0.01, 0.07, 0.3, 0.8, 2.0})
      for (const double r : {1e-3, 0.2, 0.7, 1.4, 2.2, 2.9, 3.1}) {
        const double h = 1e-5;
        const double slope =
            (space.kernel(r + h, tau).log_density - space.kernel(r - h, tau).log_density) / (2 * h);
        EXPECT_NEAR(-r * space.kernel(r, tau).pull, slope, 1e-5 * (1 + std::abs(slope)))
            << space.name << " r " << r << " tau " << tau;
      }
}

TEST(HeatKernel, IsRegularAtDistanceZeroAndAtTheCutLocus) {
  for (const Radial& space : {circle(), sphere(2), sphere(3), sphere(8), so3(), hyperbolic(2)})
    for (const double tau : {1e-4, 0.01, 0.2, 1.0}) {
      const RadialKernel here = space.kernel(0, tau), near = space.kernel(1e-7, tau);
      EXPECT_NEAR(here.log_density, near.log_density, 1e-9) << space.name << tau;
      EXPECT_NEAR(here.pull / near.pull, 1, 1e-6) << space.name << tau;
      if (space.reach > pi) continue;
      const RadialKernel far = space.kernel(pi, tau);
      EXPECT_TRUE(std::isfinite(far.log_density)) << space.name << tau;
      EXPECT_NEAR(far.pull * tau, 0, 1e-6) << space.name << tau;
    }
}

// The eigenfunction series in long double, where rounding leaves eight digits or more.
long double series_density(int d, double r, double tau) {
  const long double nu = (d - 1) / 2.0L, c = std::cos(static_cast<long double>(r));
  long double before = 0, now = 1, sum = 1;
  for (int l = 1; l < 400; ++l) {
    const long double next = (2 * (l + nu - 1) * c * now - (l + 2 * nu - 2) * before) / l;
    before = now;
    now = next;
    sum += (l + nu) / nu * std::exp(-l * (l + 2 * nu) * tau / 2) * now;
  }
  return sum / std::exp(static_cast<long double>(log_sphere_volume(d)));
}

// The bounds that sphere.h states, at tau around the switch and r up to where p(r) = 1e-9 p(0).
TEST(SphereKernel, AgreesWithTheLongSeriesInEveryRegime) {
  for (const int d : {2, 3, 5, 8})
    for (const double tau : {0.02, 0.05, 0.09, 0.11, 0.24, 0.6})
      for (double r = 0; r < pi; r += 0.1) {
        const long double p = series_density(d, r, tau), most = series_density(d, 0, tau);
        if (p < 1e-9 * most) break;
        const double limit = p > 1e-7 * most ? (d <= 3 ? 1e-5 : 5e-4) : 1e-3;
        EXPECT_NEAR(sphere_kernel(d, r, tau).log_density, std::log(p), limit)
            << "d " << d << " r " << r << " tau " << tau;
      }
}

TEST(SphereKernel, ExpansionForSmallTimesIsOfThirdOrder) {
  auto gap = [](double tau) {
    return std::abs(small_time_kernel(2, 1, 1.0, tau).log_density -
                    std::log(series_density(2, 1.0, tau)));
  };
  EXPECT_NEAR(std::log2(gap(0.4) / gap(0.2)), 3, 0.3);
}

TEST(SphereKernel, MeetsTheAntipodalFormWhereItTakesOver) {
  for (const int d : {2, 4, 7})
    for (const double tau : {0.005, 0.02}) {
      const RadialKernel a = antipodal_kernel(d, 0.5, tau);
      const RadialKernel b = small_time_kernel(d, 1, pi - 0.5, tau);
      EXPECT_NEAR(a.log_density, b.log_density, 0.01 * d * d * tau) << d << " " << tau;
      EXPECT_NEAR(a.pull / b.pull, 1, 0.02 * d * d * tau) << d << " " << tau;
    }
  // At the antipode of S^2 against the series, which still has digits there.
  EXPECT_NEAR(antipodal_kernel(2, 0, 0.25).log_density, std::log(2.77e-8), 5e-3);
}

// What makes the rejection of Sphere::brownian exact.
TEST(SphereKernel, OverTheWrappedGaussianIsLargestAtDistanceZero) {
  for (int d = 2; d <= 10; ++d)
    for (const double tau : {0.003, 0.02, 0.1, 0.3, 1.0, 2.0}) {
      const double proposals = static_cast<double>(d) / 2 * std::log(2 * pi * tau);
      if (proposals > log_sphere_volume(d)) continue;  // there proposals are uniform
      const double most = sphere_kernel(d, 0, tau).log_density;
      for (double r = 0.02; r < pi; r += 0.02) {
        const double log_ratio = sphere_kernel(d, r, tau).log_density - most + r * r / (2 * tau) +
                                 (d - 1) * std::log(std::sin(r) / r);
        EXPECT_LT(log_ratio, 1e-7) << "d " << d << " r " << r << " tau " << tau;
      }
    }
}

TEST(CircleKernel, BothSeriesAreOne) {
  for (const double a : {0.0, 0.5, 2.0, pi}) {
    const RadialKernel images = circle_kernel(a, 0.5 - 1e-12), waves = circle_kernel(a, 0.5);
    EXPECT_NEAR(images.log_density, waves.log_density, 1e-10);
    EXPECT_NEAR(images.pull, waves.pull, 1e-9);
  }
}

TEST(RotationKernel, BothSeriesAreOne) {
  for (const double w : {0.0, 0.5, 0.9, 1.1, 2.0, 3.0, pi}) {
    const RadialKernel images = so3_kernel(w, 0.5), waves = so3_kernel(w, 0.5 + 1e-12);
    EXPECT_NEAR(images.log_density, waves.log_density, 1e-10) << w;
    EXPECT_NEAR(images.pull, waves.pull, 1e-9) << w;
  }
}

// SO(3) is the three-sphere of radius 2 with opposite points made one.
TEST(RotationKernel, IsTheThreeSpheresSummedOverBothLifts) {
  for (const double w : {0.3, 1.5, 2.8})
    for (const double tau : {0.9, 2.0}) {
      auto lift = [&](double r) { return std::exp(sphere_kernel(3, r, tau / 4).log_density) / 8; };
      EXPECT_NEAR(std::exp(so3_kernel(w, tau).log_density) / (lift(w / 2) + lift(pi - w / 2)), 1,
                  1e-6);
    }
}

// SO(4) is the product of two three-spheres of radius sqrt(2), up to sign: half sums and half
// differences of the two angles are their distances.
TEST(RotationKernel, OfSo4IsAProductOfTwoThreeSpheres) {
  const Space space({Rotations{4}});
  const at::Tensor x = points(space, 1, 1);
  for (const auto& [a, b] : {std::pair(0.9, 0.4), std::pair(1.2, -0.3), std::pair(0.5, 0.5)}) {
    at::Tensor turn = at::zeros({4, 4}, at::kDouble);
    turn[0][1] = -a;
    turn[1][0] = a;
    turn[2][3] = -b;
    turn[3][2] = b;
    const at::Tensor y = x.view({4, 4}).matmul(at::linalg_matrix_exp(turn)).view({1, 16});
    for (const double tau : {0.1, 0.4}) {
      const double product = sphere_kernel(3, std::abs(a + b) / 2, tau / 2).log_density +
                             sphere_kernel(3, std::abs(a - b) / 2, tau / 2).log_density -
                             3 * std::log(2.0);
      EXPECT_NEAR(space.heat_kernel(y, x, at::scalar_tensor(tau)).log_density.item<double>(),
                  product, 1e-6);
    }
  }
}

TEST(HyperbolicKernel, IntegralAndExpansionAgreeForSmallTimes) {
  for (const double r : {0.0, 0.1, 1.0, 4.0})
    for (const double tau : {0.011, 0.02}) {
      const RadialKernel exact = hyperbolic_kernel(2, r, tau);
      const RadialKernel expansion = small_time_kernel(2, -1, r, tau);
      EXPECT_NEAR(exact.log_density, expansion.log_density, 1e-8) << r;
      EXPECT_NEAR(exact.pull / expansion.pull, 1, 1e-8) << r;
    }
}

// p_(d+2) = exp(-d tau/2)/(2 pi sinh r) (-dp_d/dr) (Grigoryan and Noguchi 1998), from d = 3 to 5.
TEST(HyperbolicKernel, OfHigherDimensionIsWithinItsStatedError) {
  for (const auto& [tau, limit] :
       {std::pair(0.05, 1e-5), std::pair(0.25, 4e-4), std::pair(1.0, 2e-2)})
    for (const double r : {0.1, 0.5, 1.0, 2.0, 4.0}) {
      const RadialKernel three = hyperbolic_kernel(3, r, tau);
      const double five =
          three.log_density + std::log(three.pull * r / (2 * pi * std::sinh(r))) - 3 * tau / 2;
      EXPECT_NEAR(hyperbolic_kernel(5, r, tau).log_density, five, limit) << r << " " << tau;
    }
}

// p_(a+b)(y | x) = E p_b(y | Z), Z Brownian for the time a: the semigroup, by quadrature on S^2.
TEST(HeatKernel, IsASemigroup) {
  const double a = 0.2, b = 0.35, r = 1.1;
  double sum = 0;
  const int nodes = 200;
  for (int i = 0; i < nodes; ++i)
    for (int j = 0; j < nodes; ++j) {
      const double c = -1 + 2 * (i + 0.5) / nodes, phi = pi * (j + 0.5) / nodes;
      const double other = c * std::cos(r) + std::sqrt(1 - c * c) * std::sin(r) * std::cos(phi);
      sum += std::exp(sphere_kernel(2, std::acos(c), a).log_density +
                      sphere_kernel(2, std::acos(other), b).log_density) *
             (4 * pi / (nodes * nodes));
    }
  EXPECT_NEAR(sum / std::exp(sphere_kernel(2, r, a + b).log_density), 1, 1e-4);
}

TEST(HeatKernel, ScoreIsTheGradientOfTheLogDensityOnEverySpace) {
  for (const Space& space : some_spaces())
    for (const double tau : {0.08, 0.7}) {
      const at::Tensor y = points(space, 8, 1);
      const at::Tensor x = space.exp(y, vectors(space, y, 1.2 * std::sqrt(tau), 2));
      const at::Tensor times = at::scalar_tensor(tau);
      const at::Tensor score = space.heat_kernel(x, y, times).score;
      EXPECT_LT(largest(space.tangent(x, score) - score), 1e-9) << space.name();
      const double h = 1e-5;
      for (const at::Tensor& e : space.frame(x).unbind(1)) {
        const at::Tensor ahead = space.heat_kernel(space.exp(x, h * e), y, times).log_density;
        const at::Tensor behind = space.heat_kernel(space.exp(x, -h * e), y, times).log_density;
        EXPECT_LT(largest((ahead - behind) / (2 * h) - inner(space, score, e)), 2e-5 / tau)
            << space.name() << " tau " << tau;
      }
    }
}

TEST(HeatKernel, TendsToVaradhansLimit) {
  for (const Space& space : some_spaces()) {
    const at::Tensor x = points(space, 8, 1), y = space.exp(x, vectors(space, x, 0.02, 2));
    const at::Tensor score = space.heat_kernel(x, y, at::scalar_tensor(1e-4)).score;
    EXPECT_LT(largest(score * 1e-4 - space.log(x, y)), 1e-4 * 0.05) << space.name();
  }
}

TEST(HeatKernel, OfFloatRowsIsThatOfDoubleRows) {
  for (const Space& space : some_spaces()) {
    const at::Tensor y = points(space, 8, 1);
    const at::Tensor x = space.exp(y, vectors(space, y, 0.5, 2));
    const at::Tensor tau = at::full({8}, 0.3);
    const HeatKernel wide = space.heat_kernel(x, y, tau);
    const HeatKernel narrow = space.heat_kernel(x.to(at::kFloat), y.to(at::kFloat), tau);
    EXPECT_EQ(narrow.score.scalar_type(), at::kFloat);
    EXPECT_LT(largest(narrow.score - wide.score) / (1 + largest(wide.score)), 1e-4);
    EXPECT_LT(largest(narrow.log_density - wide.log_density), 1e-3) << space.name();
  }
}

TEST(Reference, ScoreIsTheGradientOfItsLogDensity) {
  for (const Space& space : some_spaces()) {
    const at::Tensor x = points(space, 8, 1), score = space.reference_score(x);
    const double h = 1e-5;
    for (const at::Tensor& e : space.frame(x).unbind(1)) {
      const at::Tensor slope = (space.reference_log_density(space.exp(x, h * e)) -
                                space.reference_log_density(space.exp(x, -h * e))) /
                               (2 * h);
      EXPECT_LT(largest(slope - inner(space, score, e)), 1e-7) << space.name();
    }
  }
}

// The wrapped normal's density integrates to one: radially, on H^3.
TEST(Reference, LogDensityOfTheWrappedNormalHasMassOne) {
  const Space space({Hyperbolic{3, 0.8}});
  const int nodes = 2000;
  const at::Tensor r = (at::arange(nodes, at::kDouble) + 0.5) * (12.0 / nodes);
  const at::Tensor x = at::stack({r.cosh(), r.sinh(), 0 * r, 0 * r}, 1);
  const at::Tensor mass =
      (space.reference_log_density(x).exp() * 4 * pi * r.sinh().square() * (12.0 / nodes)).sum();
  EXPECT_NEAR(mass.item<double>(), 1, 1e-8);
}

}  // namespace
}  // namespace ornstein
