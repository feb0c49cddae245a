#include "datasets/images/twins.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <numbers>

#include "datasets/images/gaussian_field.h"
#include "datasets/images/image_dataset.h"
#include "datasets/images/image_samples.h"
#include "datasets/images/phi4.h"
#include "framework/base/errors.h"
#include "framework/data/data_file.h"

namespace ornstein::images {
namespace {

using std::numbers::pi;

// `values` [n] are independent: their mean is `expected` within four standard errors.
void expect_mean(const at::Tensor& values, double expected, const std::string& what) {
  const double error = values.std().item<double>() / std::sqrt(static_cast<double>(values.numel()));
  EXPECT_NEAR(values.mean().item<double>(), expected, 4 * error) << what;
}

DataSource open(const std::string& name, const std::string& keys) {
  const auto configuration = Configuration::from_text(R"({"dataset": {)" + keys + "}}", "test");
  DataSource source = open_twin(name, configuration->root().section("dataset"));
  configuration->refuse_unknown_keys();
  return source;
}

at::Tensor all_rows(const DataSource& source) {
  return source.all->rows(at::arange(source.all->spec().rows)).x;
}

TEST(GaussianField, HasItsSpectrumRingByRing) {
  const int64_t size = 16, rows = 2000;
  const at::Tensor k = at::fft_fftfreq(size, 1.0 / size, at::kDouble);
  const at::Tensor ring =
      (k.square().unsqueeze(1) + k.square().unsqueeze(0)).sqrt().round().to(at::kLong);
  for (double eta : {0.0, 1.75, 3.0}) {
    const at::Tensor power = power_law(size, eta);
    const at::Tensor x = sample_gaussian_field(rows, power).squeeze(1).to(at::kDouble);
    const at::Tensor relative =
        at::fft_fft2(x).abs().square() / (power * static_cast<double>(size * size));
    for (int64_t r = 0; r <= ring.max().item<int64_t>(); ++r) {
      const at::Tensor inside = at::nonzero((ring == r).flatten()).flatten();
      expect_mean(relative.flatten(1).index_select(1, inside).mean(1), 1,
                  fmt::format("eta {} ring {}", eta, r));
    }
    expect_mean(x.square().mean(at::IntArrayRef{1, 2}), 1, "variance");
  }
}

TEST(GaussianField, FollowsThePowerLawOfItsFrequencies) {
  const int64_t size = 32;
  const double k0 = 2 * pi / size;
  const at::Tensor power = power_law(size, 3);
  auto length = [&](int64_t i, int64_t j) {  // both at most size / 2
    return k0 * std::hypot(static_cast<double>(i), static_cast<double>(j));
  };
  for (const auto& [i, j] : {std::pair<int64_t, int64_t>{1, 0}, {3, 2}, {16, 16}}) {
    const double expected = std::pow(k0, 3) / (std::pow(k0, 3) + std::pow(length(i, j), 3));
    EXPECT_NEAR((power[i][j] / power[0][0]).item<double>(), expected, 1e-12);
  }
  EXPECT_NEAR(power.mean().item<double>(), 1, 1e-12);
}

TEST(GaussianField, HasTheDensityOfItsCovarianceMatrix) {
  const int64_t size = 4, pixels = size * size;
  const at::Tensor power = power_law(size, 2);
  // C[r, s] = 1/L^2 sum_k P(k) cos(k . (r - s)), summed plainly.
  at::Tensor covariance = at::zeros({pixels, pixels}, at::kDouble);
  for (int64_t r = 0; r < pixels; ++r)
    for (int64_t s = 0; s < pixels; ++s)
      for (int64_t k = 0; k < pixels; ++k) {
        const int64_t steps =
            (k / size) * (r / size - s / size) + (k % size) * (r % size - s % size);
        covariance[r][s] += power.flatten()[k] * std::cos(2 * pi * steps / size) / pixels;
      }
  const at::Tensor root = at::linalg_cholesky(covariance);
  const at::Tensor x = sample_gaussian_field(20, power);
  const at::Tensor white =
      at::linalg_solve_triangular(root, x.flatten(1).to(at::kDouble).t(), /*upper=*/false);
  const at::Tensor expected =
      white.square().sum(0) * -0.5 - root.diagonal().log().sum() - 0.5 * pixels * std::log(2 * pi);
  EXPECT_TRUE(gaussian_field_log_density(x, power).allclose(expected, 1e-12, 1e-10));
}

TEST(GaussianField, HasTheEntropyOfItsSpectrum) {
  for (double eta : {1.0, 4.0}) {
    const at::Tensor power = power_law(32, eta);
    const double entropy = 0.5 * (power.log() + std::log(2 * pi) + 1).sum().item<double>();
    expect_mean(-gaussian_field_log_density(sample_gaussian_field(500, power), power), entropy,
                fmt::format("eta {}", eta));
  }
}

// Means over each chain's rows are independent. values [rows] in the order of rows.
at::Tensor by_chain(const at::Tensor& values) { return values.view({-1, kPhi4Chains}).mean(0); }

at::Tensor moved(const at::Tensor& x, int64_t down, int64_t right) {
  return at::roll(x, {-down, -right}, {1, 2});
}

TEST(Phi4, SatisfiesIntegrationByParts) {
  // E[x_i d_i E] = 1, E[(d_i E)^2] = E[d_i^2 E], E[d_i E d_j E] = E[d_i d_j E] = -beta for
  // neighbours: exact for the density exp(-E), false for a wrong coupling, well or sign.
  struct Case {
    int64_t size;
    double beta;
  };
  for (const auto& [size, beta] : {Case{8, 0.68}, Case{8, 0.3}, Case{8, 1.2}, Case{16, 0.68}}) {
    const at::Tensor x = sample_phi4(8 * kPhi4Chains, size, beta).squeeze(1).to(at::kDouble);
    const at::Tensor laplacian =
        moved(x, 1, 0) + moved(x, -1, 0) + moved(x, 0, 1) + moved(x, 0, -1) - 4 * x;
    const at::Tensor force = 4 * x.pow(3) - 2 * (1 + 2 * beta) * x - beta * laplacian;
    const at::Tensor curvature = 12 * x.square() - 2 * (1 + 2 * beta) + 4 * beta;
    auto expect = [&](const at::Tensor& of_sites, double expected, const char* what) {
      expect_mean(by_chain(of_sites.mean(at::IntArrayRef{1, 2})), expected,
                  fmt::format("{} L {} beta {}", what, size, beta));
    };
    expect(x * force, 1, "x dE");
    expect(force.square() - curvature, 0, "dE dE - d2E");
    expect(force * moved(force, 0, 1), -beta, "dE dE of neighbours");
    expect(force * moved(force, 1, 1), 0, "dE dE across a diagonal");
  }
}

TEST(Phi4, HasTheMomentsOfTwoByTwoSitesByQuadrature) {
  // On 2 x 2 sites every pair of neighbours has two bonds. Given the sites b, b' of one colour,
  // those of the other colour are independent, with weight w(a) exp(2 beta a (b + b')).
  const double beta = 0.68;
  const at::Tensor y = at::linspace(-3, 3, 121, at::kDouble);
  const at::Tensor w = (y.square() - y.pow(4)).exp();
  const at::Tensor sum = y.unsqueeze(1) + y.unsqueeze(0);                // b + b'
  const at::Tensor given = w * (2 * beta * y * sum.unsqueeze(2)).exp();  // [b, b', a]
  auto f = [&](int power) { return (given * y.pow(power)).sum(2); };
  const at::Tensor pair = w.unsqueeze(1) * w.unsqueeze(0);
  const double z = (pair * f(0).square()).sum().item<double>();
  auto mean = [&](const at::Tensor& of_pair) { return (pair * of_pair).sum().item<double>() / z; };

  const at::Tensor x = sample_phi4(100 * kPhi4Chains, 2, beta).squeeze(1).to(at::kDouble);
  auto expect = [&](const at::Tensor& of_sites, double expected, const char* what) {
    expect_mean(by_chain(of_sites.mean(at::IntArrayRef{1, 2})), expected, what);
  };
  expect(x.square(), mean(f(2) * f(0)), "x^2");
  expect(x.pow(4), mean(f(4) * f(0)), "x^4");
  expect(x * moved(x, 0, 1), mean(y.unsqueeze(1) * f(1) * f(0)), "neighbours");
  expect(x * moved(x, 1, 1), mean(f(1).square()), "diagonal");
  expect(x.square() * moved(x, 1, 1).square(), mean(f(2).square()), "squares, diagonal");
}

TEST(Phi4, IsEvenAndOrdersWithItsCoupling) {
  for (const auto& [beta, least, most] :
       {std::tuple{0.3, 0.0, 0.3}, {0.68, 0.5, 0.9}, {1.2, 1.0, 2.0}}) {
    const at::Tensor m = sample_phi4(2 * kPhi4Chains, 8, beta).mean(at::IntArrayRef{1, 2, 3});
    expect_mean(m.sign(), 0, fmt::format("sign, beta {}", beta));
    expect_mean(m, 0, fmt::format("magnetisation, beta {}", beta));
    EXPECT_GT(m.abs().mean().item<double>(), least) << beta;
    EXPECT_LT(m.abs().mean().item<double>(), most) << beta;
  }
}

TEST(Phi4, HasForgottenItsStartInTheFirstRow) {
  const at::Tensor x = sample_phi4(5 * kPhi4Chains, 16, 0.68).squeeze(1).to(at::kDouble);
  const at::Tensor bonds = x * moved(x, 0, 1);
  for (const at::Tensor& values :
       {bonds.mean(at::IntArrayRef{1, 2}), x.square().mean(at::IntArrayRef{1, 2}),
        x.mean(at::IntArrayRef{1, 2}).abs()}) {
    const at::Tensor rounds = values.view({5, kPhi4Chains});
    expect_mean(rounds[0] - rounds[4], 0, "first row against last");
  }
}

class EveryImageTwin : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Twins, EveryImageTwin, testing::Values("gaussian_field", "phi4"),
                         [](const auto& info) { return info.param; });

TEST_P(EveryImageTwin, KeepsItsRowsWhenThereAreMore) {
  const at::Tensor few = all_rows(open(GetParam(), R"("rows": 210, "size": 8)"));
  const at::Tensor more = all_rows(open(GetParam(), R"("rows": 420, "size": 8)"));
  EXPECT_TRUE(few.equal(more.narrow(0, 0, 210)));
  EXPECT_FALSE(few[0].equal(few[1]));
  EXPECT_FALSE(few[0].equal(few[kPhi4Chains]));
}

TEST_P(EveryImageTwin, IsOneSetOfDataWhetherDrawnOrStored) {
  const DataSource drawn = open(GetParam(), R"("rows": 60, "size": 8)");
  EXPECT_EQ(drawn.all->spec().shape, (std::vector<int64_t>{1, 8, 8}));
  EXPECT_EQ((drawn.split == 0).sum().item<int64_t>(), 50);
  EXPECT_EQ((drawn.split == 1).sum().item<int64_t>(), 10);
  EXPECT_EQ(drawn.log_density.defined(), GetParam() == "gaussian_field");
  std::string name = testing::TempDir() + "twin_XXXXXX";
  const std::filesystem::path folder = ::mkdtemp(name.data());
  write_data_file(folder / "twin.h5", "images", [&](Hdf5File& file) {
    write_images(drawn.all->rows(at::arange(60)), drawn.all->spec(), file);
    file.write("/split", drawn.split);
    if (drawn.log_density.defined()) file.write("/log_density", drawn.log_density);
  });
  const DataSource stored = open_images({folder / "twin.h5"});
  std::filesystem::remove_all(folder);
  EXPECT_EQ(stored.content_hash, drawn.content_hash);
  EXPECT_TRUE(all_rows(stored).equal(all_rows(drawn)));
  EXPECT_NE(open(GetParam(), R"("rows": 66, "size": 8)").content_hash, drawn.content_hash);
}

TEST(ImageTwins, RefuseKeysOutOfRange) {
  auto refuse = [](const std::string& name, const std::string& keys, const std::string& says) {
    try {
      open(name, keys);
      FAIL() << name << " took " << keys;
    } catch (const ConfigError& error) {
      EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
    }
  };
  const std::string small = R"("rows": 6, "size": 8, )";
  refuse("gaussian_field", R"("size": 3)", "dataset.size");
  refuse("gaussian_field", R"("size": 1000)", "dataset.size");
  refuse("gaussian_field", R"("rows": 5)", "dataset.rows");
  refuse("gaussian_field", R"("eta": -0.1)", "dataset.eta");
  refuse("gaussian_field", R"("eta": 4.1)", "dataset.eta");
  refuse("gaussian_field", small + R"("beta": 0.68)", "dataset.beta");
  refuse("phi4", R"("size": 6)", "dataset.size");
  refuse("phi4", R"("size": 66)", "dataset.size");
  refuse("phi4", R"("size": 9)", "must be even");
  refuse("phi4", R"("size": "big")", "dataset.size");
  refuse("phi4", R"("rows": 0)", "dataset.rows");
  refuse("phi4", R"("beta": -1)", "dataset.beta");
  refuse("phi4", small + R"("eta": 2)", "dataset.eta");
}

TEST(ImageTwins, AreCalledByTheirNames) {
  try {
    open("phi_4", "");
    FAIL() << "a twin nobody made";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("phi4"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace ornstein::images
