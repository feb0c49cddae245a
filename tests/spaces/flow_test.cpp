#include "framework/spaces/flow.h"

#include <gtest/gtest.h>

#include <numbers>

#include "framework/base/errors.h"
#include "framework/spaces/divergence.h"
#include "tests/spaces/some_spaces.h"

namespace ornstein {
namespace {

using std::numbers::pi;

// A rotation about the axis (1, 2, 2)/3 with speed 2 t: x(t) = exp(t^2 K) x(0). Two of its orbits
// are geodesics, the others are not.
at::Tensor turning() {
  return at::tensor({0.0, -2.0, 2.0, 2.0, 0.0, -1.0, -2.0, 1.0, 0.0}, at::kDouble).view({3, 3}) / 3;
}

FieldWithDivergence turn(double t, const at::Tensor& x) {
  return {2 * t * x.matmul(turning().t()), at::full({x.size(0)}, 3 * t * t, x.options())};
}

at::Tensor turned(const at::Tensor& x, double t) {
  return x.matmul(at::linalg_matrix_exp(turning() * (t * t)).t());
}

using Step = std::function<at::Tensor(double t, const at::Tensor& x, double h)>;

double error_after(const Step& step, int steps) {
  const at::Tensor start = points(Space({Sphere{2}}), 10, 1);
  at::Tensor x = start;
  for (int i = 0; i < steps; ++i) x = step(1.0 * i / steps, x, 1.0 / steps);
  return largest(x - turned(start, 1));
}

double order_of(const Step& step, int steps) {
  return std::log2(error_after(step, steps) / error_after(step, 2 * steps));
}

TEST(FlowStep, GeodesicHeunIsOfSecondOrder) {
  const Space space({Sphere{2}});
  const Step heun = [&](double t, const at::Tensor& x, double h) {
    return geodesic_heun_step(space, turn, t, x, h);
  };
  EXPECT_NEAR(order_of(heun, 40), 2, 0.1);
}

TEST(FlowStep, ProjectedDormandPrinceIsOfFifthOrder) {
  const Space space({Sphere{2}});
  const Step step = [&](double t, const at::Tensor& x, double h) {
    return projected_step(space, turn, t, x, h, turn(t, x)).x;
  };
  EXPECT_GT(order_of(step, 8), 4.7);
  EXPECT_LT(error_after(step, 16), 1e-6);
}

TEST(FlowStep, ErrorEstimateFallsWithTheFifthPowerOfTheStep) {
  const Space space({Sphere{2}});
  const at::Tensor x = points(space, 10, 1);
  auto estimate = [&](double h) {
    return projected_step(space, turn, 0.5, x, h, turn(0.5, x)).error.max().item<double>();
  };
  EXPECT_NEAR(std::log2(estimate(0.1) / estimate(0.05)), 5, 0.4);
}

TEST(Flow, FollowsTheRotationBothWaysAndIntegratesTheRate) {
  const Space space({Sphere{2}});
  const at::Tensor x = points(space, 10, 1);
  const FlowEnd there = integrate_flow(space, turn, x, 0, 1, 1e-8);
  EXPECT_LT(largest(there.x - turned(x, 1)), 1e-6);
  EXPECT_LT(largest(there.integral - 1), 1e-8);
  EXPECT_LT(largest(space.defect(there.x)), 1e-14);
  const FlowEnd back = integrate_flow(space, turn, there.x, 1, 0, 1e-8);
  EXPECT_LT(largest(back.x - x), 1e-6);
  EXPECT_LT(there.evaluations, 200);
}

// Along the gradient of half the squared distance a geodesic is run through exponentially fast.
TEST(Flow, KeepsEverySpace) {
  for (const Space& space : some_spaces()) {
    const at::Tensor p = points(space, 5, 1), x = space.exp(p, vectors(space, p, 0.9, 2));
    auto field = [&](double, const at::Tensor& y) {
      return FieldWithDivergence{space.log(y, p), {}};
    };
    const FlowEnd end = integrate_flow(space, field, x, 0, 1, 1e-6);
    const at::Tensor expected = space.exp(p, std::exp(-1.0) * space.log(p, x));
    EXPECT_LT(largest(space.defect(end.x)), 1e-9) << space.name();
    EXPECT_LT(largest(end.x - expected), 1e-5) << space.name();
    EXPECT_FALSE(end.integral.defined());
  }
}

TEST(Flow, RefusesAFieldThatIsNotFinite) {
  const Space space({Sphere{2}});
  auto field = [](double t, const at::Tensor& y) {
    return FieldWithDivergence{y * (t > 0.5 ? std::nan("") : 0.0), {}};
  };
  EXPECT_THROW(integrate_flow(space, field, points(space, 3, 1), 0, 1), Error);
}

// A von Mises-Fisher law on S^2 of concentration k about e_3, after a time tau: its Legendre
// coefficients A_l(k) = I_(l+1/2)/I_(1/2) decay as exp(-l (l + 1) tau/2).
struct SmoothedVonMisesFisher {
  double concentration = 15;
  std::vector<double> coefficients{};

  explicit SmoothedVonMisesFisher(double k) : concentration(k) {
    std::vector<double> ratio(121, 0.0);  // I_(l+3/2)/I_(l+1/2), downward
    for (int l = 119; l >= 0; --l) ratio[l] = 1 / ((2 * l + 3) / k + ratio[l + 1]);
    coefficients = {1};
    for (int l = 0; l < 60; ++l) coefficients.push_back(coefficients.back() * ratio[l]);
  }

  // log density and its derivative over cos r, of c [b].
  std::pair<at::Tensor, at::Tensor> log_density(const at::Tensor& c, double tau) const {
    at::Tensor before = at::zeros_like(c), now = at::ones_like(c), sum = now;
    at::Tensor slope = at::zeros_like(c), slope_before = slope, total_slope = slope;
    for (int l = 1; l < 60; ++l) {
      const double weight = (2 * l + 1) * coefficients[l] * std::exp(-l * (l + 1) * tau / 2);
      if (weight < 1e-13) break;
      const at::Tensor next = ((2 * l - 1) * c * now - (l - 1) * before) / l;
      const at::Tensor next_slope = ((2 * l - 1) * (now + c * slope) - (l - 1) * slope_before) / l;
      before = now;
      now = next;
      slope_before = slope;
      slope = next_slope;
      sum = sum + weight * now;
      total_slope = total_slope + weight * slope;
    }
    return {(sum / (4 * pi)).log(), total_slope / sum};
  }
};

// With the exact score the probability-flow ODE dx/dt = -score/2 returns the law's log density: no
// training, but divergence, projection, solver and every sign.
TEST(Flow, WithTheExactScoreReturnsTheLogDensityOfAVonMisesFisherLaw) {
  const Space space({Sphere{2}});
  const SmoothedVonMisesFisher law(15);
  EXPECT_NEAR(law.coefficients[1], 1 / std::tanh(15.0) - 1.0 / 15, 1e-12);
  const at::Tensor x = points(space, 12, 1);
  const at::Tensor pole = at::tensor({0.0, 0.0, 1.0}, at::kDouble);
  const double start = 0.05, end = 2;
  auto flow = [&](double t, const at::Tensor& at_t) {
    return exact_divergence(
        space,
        [&](const at::Tensor& y) {
          const at::Tensor slope = law.log_density(y.select(1, 2), t).second;
          return -0.5 * slope.unsqueeze(1) * space.tangent(y, pole.expand_as(y));
        },
        at_t);
  };
  const FlowEnd run = integrate_flow(space, flow, x, start, end, 1e-6);
  const at::Tensor log_density = law.log_density(run.x.select(1, 2), end).first + run.integral;
  EXPECT_LT(largest(log_density - law.log_density(x.select(1, 2), start).first), 1e-4);
}

}  // namespace
}  // namespace ornstein
