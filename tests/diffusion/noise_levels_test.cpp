#include "framework/diffusion/noise_levels.h"

#include <gtest/gtest.h>

#include "framework/base/random.h"

namespace ornstein {
namespace {

double at_index(const at::Tensor& x, int64_t i) { return x[i].item<double>(); }

TEST(StratifiedUniforms, PutOneRowInEveryStratumHoweverTheBatchIsCut) {
  std::vector<at::Tensor> parts;
  int64_t first = 0;
  for (const int64_t rows : {7, 1, 24}) {
    auto generator = make_generator(random_key(Stream::kShard, {static_cast<uint64_t>(first)}));
    parts.push_back(stratified_uniforms(first, rows, 32, generator));
    first += rows;
  }
  const at::Tensor strata = (at::cat(parts) * 32).floor();
  EXPECT_TRUE(at::equal(strata, at::arange(32, at::kDouble)));
}

TEST(StratifiedUniforms, AreUniformWithinTheirStratum) {
  auto generator = make_generator(9);
  at::Tensor sum = at::zeros({4}, at::kDouble);
  for (int i = 0; i < 4000; ++i) sum += stratified_uniforms(0, 4, 4, generator);
  const at::Tensor centre = (at::arange(4, at::kDouble) + 0.5) / 4;
  const double error = 1 / (4 * std::sqrt(12.0 * 4000));
  EXPECT_LT((sum / 4000 - centre).abs().max().item<double>(), 4 * error);
  EXPECT_THROW(stratified_uniforms(3, 2, 4, generator), c10::Error);
}

TEST(LogNormalSigmas, HaveTheirMedianAndQuantiles) {
  const at::Tensor u = at::tensor({0.5, 0.841344746068543, 0.022750131948179195}, at::kDouble);
  const at::Tensor log_sigma = log_normal_sigmas(u, -1.2, 1.5).log();
  EXPECT_TRUE(at::allclose(log_sigma, at::tensor({-1.2, 0.3, -4.2}, at::kDouble), 1e-9));
}

TEST(LogNormalSigmas, StayFiniteAndPositiveAtTheEnds) {
  for (const auto type : {at::kFloat, at::kDouble}) {
    const at::Tensor ends = log_normal_sigmas(at::tensor({0.0, 1.0}).to(type), -0.5, 1.3);
    EXPECT_TRUE(ends.isfinite().all().item<bool>() && ends.gt(0).all().item<bool>());
  }
}

TEST(PathSigmas, SpanThePathsTrainedTimes) {
  const at::Tensor ends = path_sigmas(edm_path(0.01, 50), at::tensor({0.0, 1.0}, at::kDouble));
  EXPECT_TRUE(at::allclose(ends, at::tensor({0.01, 50.0}, at::kDouble)));
  const at::Tensor ou = path_sigmas(ou_path(5), at::tensor({0.5}, at::kDouble));
  EXPECT_NEAR(ou.item<double>(), std::sqrt(std::exp(5.0) - 1), 1e-4);
}

TEST(KarrasGrid, HasThePublishedEntries) {
  const at::Tensor grid = karras_grid(18, 0.002, 80);
  ASSERT_EQ(grid.numel(), 19);
  for (const auto& [i, sigma] :
       {std::pair{0, 80.0}, {1, 57.58598}, {9, 1.92334}, {16, 0.00753}, {17, 0.002}}) {
    EXPECT_NEAR(at_index(grid, i) / sigma, 1, 1e-4 + (i == 16 ? 1e-3 : 0)) << i;  // 3 digits given
  }
  EXPECT_EQ(at_index(grid, 18), 0);
}

TEST(UniformTimeGrid, FallsToTheDataInEqualTimes) {
  const at::Tensor grid = uniform_time_grid(ou_path(5), 10);
  const at::Tensor time = (grid.square() + 1).log() / 2;  // sigma^2 = e^{2t} - 1
  EXPECT_TRUE(at::allclose(time, at::linspace(5, 0, 11, at::kDouble), 1e-9, 1e-12));
  EXPECT_EQ(at_index(grid, 10), 0);
}

// Row 3.6: Z, the median time, and E[Z/2 t] = 1/2 int (g^2/sigma^2) t dt.
TEST(ImportanceLevels, HaveTheDensityOfTheLikelihoodWeight) {
  const GaussianPath path = vp_path();
  EXPECT_NEAR(importance_mass(path), 23.8645, 5e-5);
  const auto time_of = [](const at::Tensor& sigma) {  // B = log(1 + sigma^2), B = 0.1 t + 9.95 t^2
    const at::Tensor b = sigma.square().log1p();
    return ((0.01 + 4 * 9.95 * b).sqrt() - 0.1) / (2 * 9.95);
  };
  const at::Tensor half = at::full({1}, 0.5, at::kDouble);
  EXPECT_NEAR(time_of(importance_sigmas(path, half)).item<double>(), 0.11442, 5e-6);

  const int64_t n = 200000;
  const at::Tensor u = (at::arange(n, at::kDouble) + 0.5) / n;
  const double sampled =
      importance_mass(path) / 2 * time_of(importance_sigmas(path, u)).mean().item<double>();
  const at::Tensor t = path.t_min + (path.t_max - path.t_min) * u;
  const at::Tensor b = t * (0.1 + 9.95 * t), weight = (0.1 + 19.9 * t) / -(-b).expm1();
  const double quadrature = (weight * t).mean().item<double>() * (path.t_max - path.t_min) / 2;
  EXPECT_NEAR(sampled, quadrature, 1e-3 * quadrature);
}

}  // namespace
}  // namespace ornstein
