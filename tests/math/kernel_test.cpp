#include "framework/math/kernel.h"

#include <gtest/gtest.h>

#include <numbers>

namespace ornstein {
namespace {

using std::numbers::pi;

double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

Kernel kernel(const std::string& name, double nu = 1.5, const std::vector<double>& period = {}) {
  return {.name = name, .variance = 1.3, .length = 0.2, .nu = nu, .period = period};
}

at::Tensor lags() { return at::linspace(-0.9, 0.9, 37, at::kDouble); }

TEST(Kernel, BesselFormMeetsTheClosedForms) {
  for (double nu : {0.5, 1.5, 2.5}) {
    const at::Tensor closed = covariance(kernel("matern", nu), {lags()});
    EXPECT_LT(largest(covariance(kernel("matern", nu + 1e-9), {lags()}) - closed), 1e-8) << nu;
    EXPECT_LT(largest(covariance(kernel("matern", nu - 1e-9), {lags()}) - closed), 1e-8) << nu;
  }
  EXPECT_TRUE(at::equal(covariance(kernel("matern", 0.5), {lags()}),
                        covariance(kernel("exponential"), {lags()})));
}

TEST(Kernel, MaternTendsToTheSquaredExponential) {
  const at::Tensor smooth = covariance(kernel("squared_exponential"), {lags()});
  const double far = largest(covariance(kernel("matern", 20), {lags()}) - smooth);
  const double near = largest(covariance(kernel("matern", 40), {lags()}) - smooth);
  EXPECT_LT(near, 0.01);
  EXPECT_NEAR(far / near, 2, 0.1);  // the first term in 1/nu
}

TEST(Kernel, PeriodicExponentialIsAHyperbolicCosine) {
  const at::Tensor r = lags().abs();
  const at::Tensor closed = 1.3 * ((0.5 - r) / 0.2).cosh() / std::sinh(0.5 / 0.2);
  EXPECT_LT(largest(covariance(kernel("exponential", 0, {1}), {lags()}) - closed), 1e-14);
}

// Poisson's formula: the sum over images is the torus' Fourier series of the spectral density.
TEST(Kernel, SumOverImagesIsTheFourierSeriesOfTheSpectralDensity) {
  const double period = 0.7;
  for (const auto& k :
       {kernel("squared_exponential"), kernel("matern", 2.5), kernel("matern", 3.2)}) {
    Kernel wrapped = k;
    wrapped.period = {period};
    const at::Tensor w = at::arange(-4000, 4001, at::kDouble) * (2 * pi / period);
    const at::Tensor series =
        (lags().unsqueeze(1) * w).cos().matmul(spectral_density(k, 1, w.abs())) / period;
    EXPECT_LT(largest(covariance(wrapped, {lags()}) - series), 1e-11) << k.name << k.nu;
  }
}

TEST(Kernel, SumOverImagesOfAPlaneIsItsFourierSeries) {
  const at::Tensor j = at::arange(-120, 121, at::kDouble);
  const at::Tensor w1 = (2 * pi * j).unsqueeze(1), w2 = 2 * pi / 1.5 * j;
  for (const auto& k : {kernel("squared_exponential"), kernel("matern", 3.2)}) {
    Kernel wrapped = k;
    wrapped.period = {1, 1.5};
    const at::Tensor s = spectral_density(k, 2, (w1.square() + w2.square()).sqrt()) / 1.5;
    for (const auto& [x, y] : {std::pair{0.0, 0.0}, {0.3, 0.1}, {0.5, -0.75}, {0.1, 0.3}}) {
      const double series = (s * (w1 * x + w2 * y).cos()).sum().item<double>();
      const at::Tensor value =
          covariance(wrapped, {at::full({1}, x, at::kDouble), at::full({1}, y, at::kDouble)});
      EXPECT_NEAR(value.item<double>(), series, 1e-9) << k.name << x << y;
    }
  }
}

TEST(Kernel, OnACylinderWrapsOneAxis) {
  const Kernel k = kernel("exponential", 0, {0, 1});
  const auto at_lag = [&](double x, double y) {
    return covariance(k, {at::full({1}, x, at::kDouble), at::full({1}, y, at::kDouble)})
        .item<double>();
  };
  EXPECT_NEAR(at_lag(0.1, 0.9), at_lag(0.1, 0.1), 1e-14);
  EXPECT_NEAR(at_lag(0.1, 0.3), at_lag(-0.1, -0.3), 1e-14);
  EXPECT_LT(at_lag(0.9, 0.1), 0.1 * at_lag(0.1, 0.1));
}

}  // namespace
}  // namespace ornstein
