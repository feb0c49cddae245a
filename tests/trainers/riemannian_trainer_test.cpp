// The trainer `riemannian` with a network of random parameters: what must hold for any network.
#include <gtest/gtest.h>

#include "framework/base/errors.h"
#include "tests/support/serial_rows.h"
#include "tests/trainers/riemannian_support.h"
#include "tests/trainers/trainer_calls.h"
#include "trainers/riemannian/riemannian_trainer.h"

namespace ornstein::riemannian {
namespace {

struct Session {
  Session(const std::string& trainer, const std::string& space, int64_t ambient, double scale)
      : configuration(Configuration::from_text(
            fmt::format(R"({{"trainer": {{{}}}, "network": {{"name": "mlp", "width": 32}}}})",
                        trainer),
            "test")),
        data(space, points(make_space(space, ambient), 32, 1)) {
    seed_default_generators(1);
    method = std::make_unique<RiemannianTrainer>(configuration->root(), data.spec());
    at::Generator generator = make_generator(2);
    const at::NoGradGuard no_gradients;
    for (const auto& group : method->parameters())
      for (const auto& [name, tensor] : group.parameters)
        if (name == "output.weight")
          tensor.copy_(scale * at::randn(tensor.sizes(), generator, tensor.options()));
  }

  std::unique_ptr<Configuration> configuration;
  PointsOnSpace data;
  std::unique_ptr<RiemannianTrainer> method;
};

// Row R9, for the score's flow and for a matched one.
TEST(RiemannianTrainer, DensityOfAnyNetworkOnTheSphereIntegratesToOne) {
  for (const std::string loss : {"denoising", "flow_matching"}) {
    const bool flow = loss == "flow_matching";
    Session session(fmt::format(R"("loss": "{}", "normalisation_latitudes": 24, "nll_rows": 4,
                                "tolerance": 1e-4)",
                                loss) +
                        (flow ? "" : R"(, "sigma_min": 0.3, "bound_times": 0)"),
                    "sphere", 3, flow ? 0.5 : 0.1);
    const auto figures = session.method->evaluate({session.data, nullptr, 0}, serial_rows());
    EXPECT_NEAR(figure(figures, "normalisation").value, 1, 0.01) << loss;
    EXPECT_GT(std::abs(figure(figures, "nll").value - std::log(4 * M_PI)), 0.01) << loss;
  }
}

// The bounds of a network that is no score are bounds on other densities than the flow's; of the
// untrained one, whose output is zero, all are that of the reference law.
TEST(RiemannianTrainer, UntrainedItIsTheReferenceLaw) {
  for (const auto& [space, ambient] : std::vector<std::pair<std::string, int64_t>>{
           {"sphere", 4}, {"torus", 2}, {"so3", 9}, {"hyperbolic", 3}}) {
    const bool flat_end = space != "hyperbolic";
    Session session(R"("bound_times": 4, "bound_paths": 1, "steps": 100, "sigma_min": 0.1,
                    "walk_steps": 10)",
                    space, ambient, 0);
    const auto figures = session.method->evaluate({session.data, nullptr, 0}, serial_rows());
    const Space law = make_space(space, ambient);
    const double truth =
        -law.reference_log_density(session.data.rows(at::arange(32)).x.to(at::kDouble))
             .mean()
             .item<double>();
    EXPECT_NEAR(figure(figures, "nll").value, truth, 1e-6) << space;
    const Figure bound = figure(figures, "nll_bound");
    EXPECT_NEAR(bound.value, truth, flat_end ? 1e-6 : 5 * bound.standard_error) << space;
    EXPECT_GT(figure(figures, "nll_importance").value, truth - 0.3) << space;
  }
}

TEST(RiemannianTrainer, EverySamplerAndLossWorksOnEverySpaceAndStaysOnIt) {
  for (const auto& [space, ambient] : std::vector<std::pair<std::string, int64_t>>{
           {"sphere", 3}, {"euclidean", 2}, {"product:torus2,hyperbolic3,so39", 14}})
    for (const char* loss : {"denoising", "varadhan", "implicit", "sliced", "flow_matching"}) {
      const bool flow = std::string(loss) == "flow_matching";
      for (const char* sampler : {"walk", "heun", "adaptive"}) {
        if (flow && sampler[0] == 'w') continue;
        Session session(
            fmt::format(R"("loss": "{}", "sampler": "{}", "steps": 60, "tolerance": 0.1)", loss,
                        sampler) +
                (flow ? "" : R"(, "walk_steps": 3)"),
            space, ambient, 0.1);
        const Batch batch = session.data.rows(at::arange(16));
        const Loss result = shard_loss(*session.method, batch.x, 0, 1, session.data);
        EXPECT_TRUE(std::isfinite(result.sum.item<double>())) << space << " " << loss;
        result.sum.backward();
        at::Generator generator = make_generator(3);
        const at::Tensor x = session.method->sample({0, 4, 0, {}}, generator).x;
        EXPECT_LT(make_space(space, ambient).defect(x).max().item<double>(), 1e-5)
            << space << " " << sampler;
      }
    }
}

// The bound is span d/2 times the loss of weight tau, and a constant.
TEST(RiemannianTrainer, LossOfTheWeightOfTheBoundIsTheBound) {
  const auto values = [](double scale) {
    Session session(R"("weighting": "bound", "sigma_min": 0.1, "bound_times": 256)", "torus", 2,
                    scale);
    const PointsOnSpace many("torus", points(make_space("torus", 2), 4096, 1));
    const auto figures = session.method->evaluate({many, nullptr, 2}, serial_rows());
    return std::pair{figure(figures, "loss"), figure(figures, "nll_bound")};
  };
  const auto [loss, bound] = values(0.3);
  const auto [no_loss, no_bound] = values(0);
  const double span = std::log(3.5 * 3.5 / 0.01);
  const double error = std::hypot(span * std::hypot(loss.standard_error, no_loss.standard_error),
                                  bound.standard_error);
  EXPECT_NEAR(span * (loss.value - no_loss.value), bound.value - no_bound.value, 5 * error);
  EXPECT_GT(bound.value - no_bound.value, 5 * error);
}

TEST(RiemannianTrainer, HutchinsonsLikelihoodIsTheExactOneOnAverage) {
  const auto nll = [](const char* kind) {
    Session session(fmt::format(R"("divergence": "{}", "sigma_min": 0.3, "bound_times": 0,
                                "tolerance": 1e-3)",
                                kind),
                    "sphere", 4, 0.1);
    const auto repeated = points(make_space("sphere", 4), 8, 1).repeat({64, 1});
    return figure(
        session.method->evaluate({PointsOnSpace("sphere", repeated), nullptr, 2}, serial_rows()),
        "nll");
  };
  const Figure exact = nll("exact"), sliced = nll("hutchinson");
  EXPECT_NEAR(sliced.value, exact.value, 5 * sliced.standard_error);
  EXPECT_NE(sliced.value, exact.value);
}

// A feature of frequency f is gone where noise is wider than its wave, and all there where it is
// narrower.
TEST(RiemannianTrainer, FineFeaturesAreSeenInLittleNoiseOnly) {
  Session session(R"("frequencies": [50], "sigma_min": 0.001)", "torus", 1, 0.3);
  const auto network = session.method->parameters()[0].parameters;
  for (const auto& [name, tensor] : network)
    if (name == "input.weight") {
      const at::NoGradGuard no_gradients;
      tensor.narrow(1, 0, 2).zero_();  // the smooth features
    }
  const auto spread = [&](double sigma) {
    const at::Tensor x = at::linspace(-0.06, 0.06, 40, at::kDouble).unsqueeze(1);
    const at::Tensor tau = at::full({40}, sigma * sigma, at::kDouble);
    return session.method->score()(x, tau).std().item<double>() * sigma;
  };
  EXPECT_GT(spread(0.002), 1e-3);
  EXPECT_LT(spread(0.2), 1e-9);
}

TEST(RiemannianTrainer, EvaluatesSetsOfOneRow) {
  Session session(R"("bound_times": 2, "evaluation_samples": 2, "sigma_min": 0.1)", "sphere", 3, 0);
  const PointsOnSpace one("sphere", points(make_space("sphere", 3), 1, 1));
  const auto figures = session.method->evaluate({one, &one, 0}, serial_rows());
  EXPECT_NEAR(figure(figures, "nll").value, std::log(4 * M_PI), 1e-6);
}

TEST(RiemannianTrainer, RefusesWhatHasNoGeometry) {
  const auto configuration = Configuration::from_text(R"({"network": {"name": "mlp"}})", "test");
  DataSpec spec{.kind = "points", .space = "binary", .rows = 8, .shape = {4}};
  EXPECT_THROW(RiemannianTrainer(configuration->root(), spec), DataError);
  spec = {.kind = "images", .rows = 8, .shape = {1, 8, 8}};
  EXPECT_THROW(RiemannianTrainer(configuration->root(), spec), ConfigError);
  const auto walk = Configuration::from_text(
      R"({"trainer": {"loss": "flow_matching", "sampler": "walk"}, "network": {"name": "mlp"}})",
      "test");
  spec = {.kind = "points", .space = "torus", .rows = 8, .shape = {2}};
  EXPECT_THROW(RiemannianTrainer(walk->root(), spec), ConfigError);
}

}  // namespace
}  // namespace ornstein::riemannian
