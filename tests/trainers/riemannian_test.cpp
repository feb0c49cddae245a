// The formulas of `riemannian` against laws whose score is known; no training.
#include <gtest/gtest.h>

#include <numbers>

#include "framework/base/random.h"
#include "tests/trainers/riemannian_support.h"

namespace ornstein::riemannian {
namespace {

using std::numbers::pi;

ForwardProcess process_on(const Space& space, double tau_min, double tau_max,
                          int64_t walk_steps = 100) {
  return {space, {tau_min, tau_max}, walk_steps};
}

at::Tensor points(const Space& space, int64_t rows, uint64_t seed) {
  at::Generator generator = make_generator(seed);
  return space.reference_sample(rows, generator, at::TensorOptions(at::kDouble));
}

std::vector<Space> spaces() {
  return {Space({Sphere{2}}),
          Space({Sphere{4}}),
          Space({Torus{2}}),
          Space({Rotations{3}}),
          Space({Hyperbolic{2}}),
          Space({Euclidean{2}}),
          make_space("product:sphere3,torus2", 5)};
}

// Row R4: the exact score of a diffused von Mises-Fisher law.
struct VonMisesFisher : testing::Test {
  const DiffusedVonMisesFisher law{15};
  const Space space{{Sphere{2}}};
  const ForwardProcess process = process_on(space, 1e-7, 30);
  const ScoreFunction score = [this](const at::Tensor& x, const at::Tensor& tau) {
    return law.score(x, tau);
  };
  at::Generator generator = make_generator(4);
  const at::Tensor x = law.draws(200, generator);
};

TEST_F(VonMisesFisher, MeanAndEntropyAreThoseOfTheLaw) {
  EXPECT_NEAR(law.mean(), 14.0 / 15, 1e-6);
  const at::Tensor many = law.draws(20000, generator), nll = -law.log_density(many);
  EXPECT_NEAR(mean_of(nll), 0.129827, 5 * error_of(nll));
}

TEST_F(VonMisesFisher, FlowReturnsTheLogDensity) {
  const Flow flow = probability_flow(process, score, {DivergenceKind::Kind::exact, {}});
  const at::Tensor found = flow_log_density(space, flow, x, 1e-7);
  EXPECT_LT((found - law.log_density(x)).abs().max().item<double>(), 1e-5);
}

TEST_F(VonMisesFisher, FlowWithHutchinsonsDivergenceReturnsItOnAverage) {
  const at::Tensor twenty = x.narrow(0, 0, 20).repeat({50, 1});
  const at::Tensor coins = at::rand({1000, 3}, generator, at::kDouble);
  const Flow flow = probability_flow(
      process, score, {DivergenceKind::Kind::hutchinson, 1 - 2 * (coins < 0.5).to(at::kDouble)});
  const at::Tensor off = flow_log_density(space, flow, twenty, 1e-4) - law.log_density(twenty);
  EXPECT_NEAR(mean_of(off), 0, 5 * error_of(off.view({50, 20}).mean(1)));
}

// With the exact score the bound is tight.
TEST_F(VonMisesFisher, BoundInContinuousTimeIsTheLogDensityOnAverage) {
  const at::Tensor off =
      bound_in_continuous_time(process, score, x, 64, generator) - law.log_density(x);
  EXPECT_NEAR(mean_of(off), 0, 5 * error_of(off));
  EXPECT_LT(error_of(off), 0.1);
}

TEST_F(VonMisesFisher, WalkBoundIsBelowTheLogDensityAndComesCloseWithItsSteps) {
  const ForwardProcess short_process = process_on(space, 1e-3, 8);
  const auto gap = [&](int64_t steps) {
    at::Tensor gap = at::zeros({200}, at::kDouble);
    // At tau_min = 1e-3 the law is blurred: a tenth of a nat at most.
    for (int i = 0; i < 4; ++i)
      gap += law.log_density(x) - walk_log_weight(short_process, score, x, steps, generator);
    return gap / 4;
  };
  const at::Tensor coarse = gap(25), fine = gap(200);
  EXPECT_GT(mean_of(coarse), mean_of(fine) + 5 * error_of(coarse - fine));
  EXPECT_NEAR(mean_of(fine), 0, 0.1 + 5 * error_of(fine));
}

TEST_F(VonMisesFisher, EverySamplerDrawsTheLaw) {
  const int64_t rows = 4000;
  const ForwardProcess fit = process_on(space, 1e-4, 12);
  const at::Tensor noise = points(space, rows, 9);
  const Flow flow = probability_flow(fit, score, {});
  const at::Tensor walked = reverse_walk(fit, score, noise, 200, generator);
  const at::Tensor heun = follow(space, flow, noise, 100);
  const at::Tensor adaptive = integrate_flow(space, flow, noise, 1, 0, 1e-5).x;
  for (const at::Tensor& drawn : {walked, heun, adaptive}) {
    const at::Tensor c = drawn.select(1, 2);
    EXPECT_NEAR(mean_of(c), law.mean(), 5 * error_of(c) + 5e-4);
    const double variance = 1 - law.mean() * law.mean() - 2 * law.mean() / 15;
    EXPECT_NEAR(c.var().item<double>(), variance, 0.15 * variance);
    EXPECT_LT(drawn.narrow(1, 0, 2).mean(0).abs().max().item<double>(), 5 * 0.25 / std::sqrt(rows));
    EXPECT_LT(space.defect(drawn).max().item<double>(), 1e-12);
  }
  EXPECT_LT((heun - adaptive).abs().max().item<double>(), 0.01);
}

// Row R8: the reference law is stationary, and its score gives its density.
TEST(Riemannian, ScoreOfTheReferenceLawGivesItsDensity) {
  for (const Space& space : spaces()) {
    const ForwardProcess process = process_on(space, 1e-3, 4);
    const ScoreFunction score = [&](const at::Tensor& x, const at::Tensor&) {
      return space.reference_score(x);
    };
    const at::Tensor x = points(space, 40, 1), truth = space.reference_log_density(x);
    const Flow flow = probability_flow(process, score, {DivergenceKind::Kind::exact, {}});
    EXPECT_LT((flow_log_density(space, flow, x, 1e-6) - truth).abs().max().item<double>(), 1e-9)
        << space.name();
    at::Generator generator = make_generator(2);
    const at::Tensor off =
        bound_in_continuous_time(process, score, x.repeat({10, 1}), 8, generator) -
        truth.repeat(10);
    EXPECT_NEAR(mean_of(off), 0, 5 * error_of(off) + 1e-12) << space.name();
  }
}

TEST(Riemannian, LangevinMotionKeepsTheReferenceLawAndForgetsItsStart) {
  for (const Space& space : {Space({Hyperbolic{2}}), Space({Euclidean{2}})}) {
    const ForwardProcess process = process_on(space, 1e-3, 10, 400);
    const int64_t rows = 4000;
    at::Generator generator = make_generator(3);
    const at::Tensor tau = at::full({rows}, 10.0, at::kDouble);
    const at::Tensor truth = points(space, rows, 4);
    const auto length = [&](const at::Tensor& x) {
      const at::Tensor origin = at::zeros_like(x);
      if (space.name() == "hyperbolic") origin.select(1, 0).fill_(1);
      return space.distance(x, origin);
    };
    for (const at::Tensor& start : {truth, truth.narrow(0, 0, 1).expand_as(truth)}) {
      const at::Tensor r = length(process.noised(start, tau, generator).x), s = length(truth);
      EXPECT_NEAR(mean_of(r), mean_of(s), 5 * std::hypot(error_of(r), error_of(s)) + 0.01)
          << space.name();
    }
  }
}

// Gaussian data in flat space: all in closed form.
TEST(Riemannian, LangevinReversedFromAGaussianHasItsDensityAndVariance) {
  const double data = 0.09;
  const Space space({Euclidean{2}});
  const ForwardProcess process = process_on(space, 1e-6, 14);
  const ScoreFunction score = [&](const at::Tensor& x, const at::Tensor& tau) {
    return -x / (1 + (data - 1) * (-tau).exp()).unsqueeze(1);
  };
  at::Generator generator = make_generator(5);
  const at::Tensor x = 0.3 * at::randn({50, 2}, generator, at::kDouble);
  const at::Tensor truth = -x.square().sum(1) / (2 * data) - std::log(2 * pi * data);
  const Flow flow = probability_flow(process, score, {DivergenceKind::Kind::exact, {}});
  EXPECT_LT((flow_log_density(space, flow, x, 1e-7) - truth).abs().max().item<double>(), 1e-4);
  const at::Tensor drawn = reverse_walk(process, score, points(space, 20000, 6), 400, generator);
  EXPECT_NEAR(drawn.var().item<double>() / data, 1, 5 * std::sqrt(2.0 / 40000) + 0.03);
}

// Row R6, twice: for two fields the losses differ by the same amount.
TEST(Riemannian, DenoisingAndImplicitLossesDifferByAConstant) {
  for (const Space& space : {Space({Sphere{2}}), Space({Rotations{3}}), Space({Torus{2}})}) {
    const ForwardProcess process = process_on(space, 1e-3, 4);
    const at::Tensor x0 = points(space, 1, 1).expand({20000, space.ambient()});
    const at::Tensor tau = at::full({20000}, 0.7, at::kDouble);
    const auto gain = [&](ScoreLoss kind) {  // of the field that points to x0 over none
      const ScoreFunction field = [&](const at::Tensor& x, const at::Tensor&) {
        if (space.name() == "torus") return (x0 - x).sin();
        return space.tangent(x, x0);
      };
      const ScoreFunction none = [&](const at::Tensor& x, const at::Tensor&) {
        return at::zeros_like(x);
      };
      at::Generator a = make_generator(7), b = make_generator(7);
      return score_loss(kind, process, field, x0, tau, a) -
             score_loss(kind, process, none, x0, tau, b);
    };
    const at::Tensor denoising = gain(ScoreLoss::denoising);
    for (const ScoreLoss kind : {ScoreLoss::implicit, ScoreLoss::sliced}) {
      const at::Tensor other = gain(kind), difference = denoising - other;
      EXPECT_NEAR(mean_of(difference), 0, 5 * error_of(difference)) << space.name();
      EXPECT_GT(std::abs(mean_of(other)), 20 * error_of(difference)) << space.name();
    }
  }
}

TEST(Riemannian, VaradhansTargetIsTheHeatKernelsForShortTimes) {
  const Space space({Sphere{2}});
  const ForwardProcess process = process_on(space, 1e-6, 4);
  const at::Tensor x0 = points(space, 100, 1);
  const ScoreFunction none = [](const at::Tensor& x, const at::Tensor&) {
    return at::zeros_like(x);
  };
  const auto losses = [&](ScoreLoss kind, double tau) {
    at::Generator generator = make_generator(7);
    return score_loss(kind, process, none, x0, at::full({100}, tau, at::kDouble), generator);
  };
  const auto apart = [&](double tau) {
    return ((losses(ScoreLoss::varadhan, tau) / losses(ScoreLoss::denoising, tau)) - 1)
        .abs()
        .max()
        .item<double>();
  };
  EXPECT_LT(apart(1e-4), 1e-3);
  EXPECT_GT(apart(2), 0.1);
}

// On S^2 E r^2 to a uniform point is (pi^2 - 4)/2, and all of a geodesic is run in unit time.
TEST(FlowMatching, TargetIsTheGeodesicsVelocity) {
  const Space space({Sphere{2}});
  const at::Tensor x = points(space, 1, 1).expand({20000, 3});
  at::Generator generator = make_generator(8);
  const at::Tensor t = at::rand({20000}, generator, at::kDouble);
  const VelocityFunction none = [](const at::Tensor& y, const at::Tensor&) {
    return at::zeros_like(y);
  };
  const at::Tensor losses = flow_matching_loss(space, none, x, t, generator);
  EXPECT_NEAR(mean_of(losses), (pi * pi - 4) / 2, 5 * error_of(losses));
  // Away from x, at x's distance over t.
  const VelocityFunction away = [&](const at::Tensor& y, const at::Tensor& time) {
    return -space.log(y, x) / time.unsqueeze(1);
  };
  EXPECT_LT(flow_matching_loss(space, away, x, t, generator).max().item<double>(), 1e-6);
}

// x_t = (1 - t) x + t z: E[z - x | x_t] is linear.
TEST(FlowMatching, ExactVelocityOfAGaussianGivesItsDensity) {
  const double data = 0.25;
  const Space space({Euclidean{2}});
  const VelocityFunction velocity = [&](const at::Tensor& x, const at::Tensor& t) {
    const at::Tensor variance = (1 - t).square() * data + t.square();
    return ((t - (1 - t) * data) / variance).unsqueeze(1) * x;
  };
  at::Generator generator = make_generator(5);
  const at::Tensor x = 0.5 * at::randn({50, 2}, generator, at::kDouble);
  const at::Tensor truth = -x.square().sum(1) / (2 * data) - std::log(2 * pi * data);
  const Flow flow = matched_flow(space, velocity, {DivergenceKind::Kind::exact, {}});
  EXPECT_LT((flow_log_density(space, flow, x, 1e-8) - truth).abs().max().item<double>(), 1e-6);
  const at::Tensor loss = flow_matching_loss(space, velocity, x.repeat({400, 1}),
                                             at::rand({20000}, generator, at::kDouble), generator);
  for (const double wrong : {0.8, 1.2}) {
    at::Generator again = make_generator(6);
    const VelocityFunction scaled = [&](const at::Tensor& y, const at::Tensor& t) {
      return wrong * velocity(y, t);
    };
    const at::Tensor worse = flow_matching_loss(space, scaled, x.repeat({400, 1}),
                                                at::rand({20000}, again, at::kDouble), again);
    EXPECT_GT(mean_of(worse), mean_of(loss));
  }
}

}  // namespace
}  // namespace ornstein::riemannian
