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
  return {space, {tau_min, tau_max}, 1, walk_steps};
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

// Row R3.
TEST_F(VonMisesFisher, MeanAndEntropyAreThoseOfTheLaw) {
  for (const auto& [kappa, entropy] : {std::pair(1, 2.379428), std::pair(5, 1.227940),
                                       std::pair(15, 0.129827), std::pair(50, -1.074146)}) {
    const DiffusedVonMisesFisher any(kappa);
    EXPECT_NEAR(any.mean(), 1 / std::tanh(kappa) - 1.0 / kappa, 1e-6);
    const at::Tensor nll = -any.log_density(any.draws(20000, generator));
    EXPECT_NEAR(mean_of(nll), entropy, 5 * error_of(nll)) << kappa;
  }
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

TEST_F(VonMisesFisher, WalkBoundIsBelowTheLogDensityAndNear) {
  const ForwardProcess blurred = process_on(space, 1e-3, 8);
  at::Tensor gap = at::zeros({200}, at::kDouble);
  for (int i = 0; i < 4; ++i)
    gap += (law.log_density(x) - walk_log_weight(blurred, score, x, 200, generator)) / 4;
  EXPECT_GT(mean_of(gap), -5 * error_of(gap) - 0.02);  // the law at tau_min is a little wider
  EXPECT_LT(mean_of(gap), 0.5);
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
  for (const double length : {0.2, 1.0, 5.0})
    for (const char* name : {"hyperbolic", "euclidean"}) {
      if (length == 5 && name[0] == 'h') continue;  // numbers of the size e^20
      ForwardProcess process = process_on(make_space(name, 3, length), 1e-3, 10, 400);
      process.length = length;
      const int64_t rows = 4000;
      at::Generator generator = make_generator(random_key(Stream::kRows, {3}));
      const at::Tensor tau = at::full({rows}, 10.0, at::kDouble);
      const at::Tensor truth = points(process.space, rows, 4);
      const at::Tensor origin = at::zeros_like(truth);
      if (name[0] == 'h') origin.select(1, 0).fill_(1);
      const at::Tensor s = process.space.distance(truth, origin);
      for (const at::Tensor& start : {truth, truth.narrow(0, 0, 1).expand_as(truth)}) {
        const at::Tensor r =
            process.space.distance(process.noised(start, tau, generator).x, origin);
        EXPECT_NEAR(mean_of(r), mean_of(s),
                    5 * std::hypot(error_of(r), error_of(s)) + 0.01 * length)
            << name << " " << length;
      }
    }
}

// A Gaussian of variance v at tau = 0 has 1 + (v - 1) exp(-tau) after it; s = 1.
struct Gaussian {
  double data;
  double variance(double tau) const { return 1 + (data - 1) * std::exp(-tau); }
  ScoreFunction score() const {
    return [v = data](const at::Tensor& x, const at::Tensor& tau) {
      return -x / (1 + (v - 1) * (-tau).exp()).unsqueeze(1);
    };
  }
};

// The walk is linear: its variance goes by v <- a^2 v + w.
double walked_variance(const ForwardProcess& process, const Gaussian& law, int64_t steps) {
  const std::vector<double> tau = walk_times(process.clock, steps);
  double variance = 1;
  for (int64_t i = steps; i > 0; --i) {
    const double step = tau[i] - tau[i - 1];
    const double slope = 1 + step * (0.5 - 1 / law.variance(tau[i]));
    variance =
        slope * slope * variance + step * noise_variance(tau[i - 1]) / noise_variance(tau[i]);
  }
  return variance;
}

TEST(Riemannian, WalkFollowsItsOwnRecursionOfVariance) {
  const Gaussian law{0.09};
  const ForwardProcess process = process_on(Space({Euclidean{2}}), 1e-4, 12);
  at::Generator generator = make_generator(5);
  for (const int64_t steps : {20, 100}) {
    const at::Tensor drawn =
        reverse_walk(process, law.score(), points(process.space, 40000, 6), steps, generator);
    EXPECT_NEAR(drawn.var().item<double>() / walked_variance(process, law, steps), 1,
                5 * std::sqrt(2.0 / 80000))
        << steps;
  }
}

// E W is the density of what the walk draws.
TEST(Riemannian, WalksWeightsAverageToTheDensityOfTheWalk) {
  const Gaussian law{0.5};
  const ForwardProcess process = process_on(Space({Euclidean{1}}), 0.01, 6);
  at::Generator generator = make_generator(11);
  const at::Tensor x = at::full({40000, 1}, 0.6, at::kDouble);
  const at::Tensor w = walk_log_weight(process, law.score(), x, 30, generator).exp();
  const double v = walked_variance(process, law, 30);
  EXPECT_NEAR(mean_of(w), std::exp(-0.36 / (2 * v)) / std::sqrt(2 * pi * v), 5 * error_of(w));
}

// Without a drift the walk's law is uniform, whatever the steps.
TEST(Riemannian, WalksWeightsAverageToNoMoreThanTheDensityAcrossTheCutLocus) {
  const ScoreFunction none = [](const at::Tensor& x, const at::Tensor&) {
    return at::zeros_like(x);
  };
  for (const Space& space : {Space({Torus{1}}), Space({Sphere{2}})})
    for (const int64_t steps : {5, 20, 100}) {
      const ForwardProcess process = process_on(space, 0.01, 12);
      at::Generator generator = make_generator(12);
      const at::Tensor x = points(space, 1, 1).expand({4000, space.ambient()});
      const at::Tensor w = walk_log_weight(process, none, x, steps, generator).exp();
      EXPECT_LT(mean_of(w), std::exp(-space.log_volume()) + 5 * error_of(w))
          << space.name() << " " << steps;
    }
}

// log p(x) = E[log p_T(Y_T)] - int ...: the bound has p_ref for p_T.
TEST(Riemannian, BoundOfAGaussianMissesWhatTheReferenceLawDoes) {
  const Gaussian law{0.3};
  const ForwardProcess process = process_on(Space({Euclidean{1}}), 0.25, 1.5, 200);
  at::Generator generator = make_generator(13);
  const at::Tensor x = at::full({3000, 1}, 1.2, at::kDouble);
  const at::Tensor bound = bound_in_continuous_time(process, law.score(), x, 16, generator);
  const double elapsed = 1.25, mean = 1.2 * std::exp(-elapsed / 2);
  const double square = mean * mean + noise_variance(elapsed);  // of Y_T
  const auto log_normal = [](double second, double v) {
    return -second / (2 * v) - std::log(2 * pi * v) / 2;
  };
  const double truth = log_normal(1.44, law.variance(0.25)) + log_normal(square, 1) -
                       log_normal(square, law.variance(1.5));
  EXPECT_NEAR(mean_of(bound), truth, 5 * error_of(bound) + 0.005);
  EXPECT_LT(error_of(bound), 0.02);
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
