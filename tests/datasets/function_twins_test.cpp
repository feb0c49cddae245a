#include "datasets/functions/twins.h"

#include <gtest/gtest.h>

#include <numbers>

#include "datasets/functions/function_dataset.h"
#include "framework/math/kernel.h"
#include "tests/datasets/functions_support.h"

namespace ornstein::functions {
namespace {

struct Twin {
  at::Tensor x;       // [N, n] or [N, n, m] float64
  at::Tensor points;  // [p, d] float64
  DataSource source;
};

Twin twin(const std::string& name, const std::vector<std::string>& settings) {
  const auto configuration = Configuration::from_text("{}", "test", settings);
  DataSource source = open_twin(name, configuration->root().section("dataset"));
  configuration->refuse_unknown_keys();
  const Batch all = source.all->rows(at::arange(source.all->spec().rows));
  return {all.x.squeeze(1).to(at::kDouble), all.coordinates.to(at::kDouble).flatten(0, -2), source};
}

// Of rows [N, p] with mean zero: the largest deviation of the sample covariance from `expected`
// [p, p], in standard errors sqrt((K_ii K_jj + K_ij^2) / N).
double covariance_off(const at::Tensor& rows, const at::Tensor& expected) {
  const auto count = static_cast<double>(rows.size(0));
  const at::Tensor variance = expected.diagonal();
  const at::Tensor error =
      ((variance.unsqueeze(0) * variance.unsqueeze(1) + expected.square()) / count).sqrt();
  return ((rows.t().matmul(rows) / count - expected) / error).abs().max().item<double>();
}

using Settings = std::vector<std::string>;

TEST(GaussianProcessTwin, HasTheCovarianceOfItsKernel) {
  const std::vector<std::pair<Kernel, Settings>> cases = {
      {{.name = "matern", .variance = 2, .length = 0.2, .nu = 2.5},
       {"dataset.variance=2", "dataset.length=0.2", "dataset.nu=2.5"}},
      {{.name = "exponential", .length = 0.1}, {"dataset.kernel=exponential"}},
      {{.name = "squared_exponential", .length = 0.1}, {"dataset.kernel=squared_exponential"}},
      {{.name = "matern", .length = 0.3, .nu = 1.5, .period = {3}},
       {"dataset.period=3", "dataset.length=0.3"}}};
  for (auto [kernel, settings] : cases) {
    settings.insert(settings.end(), {"dataset.n=20", "dataset.rows=20000"});
    const Twin drawn = twin("gaussian_process", settings);
    const at::Tensor expected = covariance_matrix(kernel, drawn.points, drawn.points);
    // The largest of 210 normal numbers is beyond 4.5 once in 700.
    EXPECT_LT(covariance_off(drawn.x, expected), 4.5) << kernel.name;
    const at::Tensor error = (expected.diagonal() / 20000).sqrt();
    EXPECT_LT((drawn.x.mean(0) / error).abs().max().item<double>(), 4) << kernel.name;
  }
}

TEST(GaussianProcessTwin, OnASquareHasTheCovarianceOfItsKernel) {
  const Twin drawn = twin("gaussian_process", {"dataset.dimensions=2", "dataset.n=5",
                                               "dataset.rows=20000", "dataset.length=0.5"});
  EXPECT_EQ(drawn.source.all->spec().shape, (std::vector<int64_t>{1, 5, 5}));
  const Kernel kernel{.name = "matern", .length = 0.5, .nu = 1.5};
  const at::Tensor expected = covariance_matrix(kernel, drawn.points, drawn.points);
  EXPECT_LT(covariance_off(drawn.x.flatten(1), expected), 4.5);
}

TEST(GaussianProcessTwin, LivesOnItsDomain) {
  const Twin open = twin("gaussian_process", {"dataset.n=11", "dataset.rows=6"});
  EXPECT_TRUE(at::allclose(open.points.squeeze(1), at::linspace(0, 1, 11, at::kDouble)));
  EXPECT_TRUE(open.source.all->spec().period.empty());
  const Twin round =
      twin("gaussian_process", {"dataset.n=8", "dataset.rows=6", "dataset.period=2"});
  EXPECT_TRUE(at::allclose(round.points.squeeze(1), at::arange(8, at::kDouble) / 4));
  EXPECT_EQ(round.source.all->spec().period, std::vector<double>{2});
}

TEST(GaussianProcessTwin, KnowsItsLogDensity) {
  const int64_t n = 24, rows = 8000;
  const Twin drawn = twin("gaussian_process", {"dataset.n=24", "dataset.rows=8000"});
  const at::Tensor covariance =
      covariance_matrix({.name = "matern", .length = 0.1, .nu = 1.5}, drawn.points, drawn.points);
  // By another way than the factor: eigenvalues, and a linear solve.
  const at::Tensor solved = at::linalg_solve(covariance, drawn.x.t());
  const double log_determinant = at::linalg_eigvalsh(covariance).log().sum().item<double>();
  const at::Tensor expected =
      ((drawn.x.t() * solved).sum(0) + log_determinant + n * std::log(2 * std::numbers::pi)) / -2;
  EXPECT_TRUE(at::allclose(drawn.source.log_density, expected, 1e-6, 1e-6));
  // And its mean is minus the entropy: n/2 less in the exponent, spread sqrt(n/2).
  const double entropy = (n + log_determinant + n * std::log(2 * std::numbers::pi)) / 2;
  EXPECT_NEAR(drawn.source.log_density.mean().item<double>(), -entropy,
              4 * std::sqrt(n / 2.0 / rows));
}

TEST(GaussianProcessTwin, ClaimsNoDensityThatSinglePrecisionHides) {
  EXPECT_FALSE(twin("gaussian_process", {"dataset.kernel=squared_exponential", "dataset.rows=6"})
                   .source.log_density.defined());
}

TEST(GpMixtureTwin, IsTwoSlopesOfEqualWeight) {
  const Twin drawn = twin("gp_mixture", {"dataset.n=16", "dataset.rows=20000"});
  const at::Tensor mean = 10 * drawn.points.squeeze(1) - 5;
  const at::Tensor sign =
      (drawn.x.matmul(mean) > 0).to(at::kDouble) * 2 - 1;  // 50 deviations apart
  EXPECT_NEAR(sign.mean().item<double>(), 0, 4 / std::sqrt(20000.0));
  const at::Tensor rest = drawn.x - sign.unsqueeze(1) * mean;
  const Kernel kernel{.name = "squared_exponential", .variance = 0.4, .length = 0.1};
  const at::Tensor expected = covariance_matrix(kernel, drawn.points, drawn.points);
  EXPECT_LT(covariance_off(rest, expected), 4.5);
  EXPECT_LT((rest.mean(0) / std::sqrt(0.4 / 20000)).abs().max().item<double>(), 4);
}

TEST(LinearFunctionsTwin, IsLinearWithItsSlopesAndBiases) {
  const int64_t rows = 20000;
  const Twin drawn = twin("linear_functions", {"dataset.n=9", "dataset.rows=20000"});
  EXPECT_LT(drawn.x.diff(2).abs().max().item<double>(), 2e-6);
  const at::Tensor bias = drawn.x.select(1, 0), slope = drawn.x.select(1, 8) - bias;
  for (const auto& [values, mean, deviation] :
       {std::tuple{slope, 2.0, 0.25}, std::tuple{bias, -1.0, 0.07}}) {
    EXPECT_NEAR(values.mean().item<double>(), mean, 4 * deviation / std::sqrt(rows));
    EXPECT_NEAR(values.std().item<double>(), deviation, 4 * deviation / std::sqrt(2.0 * rows));
  }
  const double correlation = at::corrcoef(at::stack({slope, bias}))[0][1].item<double>();
  EXPECT_NEAR(correlation, 0, 4 / std::sqrt(rows));
}

TEST(FunctionTwins, HaveRowsThatDependOnTheirNumberAlone) {
  for (const std::string& name : twin_names()) {
    const Twin few = twin(name, {"dataset.n=8", "dataset.rows=30"});
    const Twin many = twin(name, {"dataset.n=8", "dataset.rows=700"});
    EXPECT_TRUE(at::equal(few.x, many.x.slice(0, 0, 30))) << name;
    EXPECT_FALSE(at::equal(few.x[0], many.x[256])) << name;
    EXPECT_EQ(few.source.split.sum().item<int64_t>(), 5);
  }
}

TEST(FunctionTwins, RefuseWhatTheyCannotBe) {
  expect_refusal([] { twin("gaussian_proces", {}); },
                 {"gaussian_proces:", "did you mean 'gaussian_process'"});
  expect_refusal([] { twin("gaussian_process", {"dataset.kernel=matern52"}); },
                 {"dataset.kernel", "matern"});
  expect_refusal(
      [] {
        twin("gaussian_process", {"dataset.period=1", "dataset.length=2"});
      },
      {"dataset.length", "period"});
  expect_refusal([] { twin("gp_mixture", {"dataset.length=2"}); }, {"dataset.length"});
  expect_refusal(
      [] {
        twin("linear_functions", {"dataset.n=65536", "dataset.rows=100000"});
      },
      {"dataset.rows", "16384"});
}

TEST_F(FunctionFiles, OfATwinAreTheSameStoredAsDrawn) {
  const auto configuration = Configuration::from_text(
      "{}", "test", {"dataset.rows=300", "dataset.n=12", "dataset.period=2"});
  const DataSource drawn =
      kind().open({"synthetic:gaussian_process"}, configuration->root().section("dataset"));
  write_data_file(path("twin.h5"), "functions", [&](Hdf5File& file) {
    kind().write(drawn.all->rows(at::arange(300)), drawn.all->spec(), file);
    file.write("/split", drawn.split);
    file.write("/log_density", drawn.log_density);
  });
  const DataSource stored = open_files({path("twin.h5")});
  EXPECT_EQ(stored.content_hash, drawn.content_hash);
  EXPECT_TRUE(at::equal(stored.log_density, drawn.log_density));
  EXPECT_EQ(to_json(stored.all->spec()), to_json(drawn.all->spec()));
  expect_refusal(
      [&] {
        kind().open({path("twin.h5"), "synthetic:gp_mixture"},
                    configuration->root().section("dataset"));
      },
      {"synthetic:gp_mixture", "alone"});
}

}  // namespace
}  // namespace ornstein::functions
