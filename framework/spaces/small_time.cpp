#include "framework/spaces/small_time.h"

#include <array>
#include <numbers>

namespace ornstein {
namespace {

using std::numbers::pi;

constexpr double kSeries = 0.7;  // of r: below, H by its power series
constexpr int kTerms = 12;       // (0.7/pi)^24 is below rounding

// H and what the kernel needs of its derivatives.
struct Curve {
  double h;        // H
  double h_slope;  // H'/r
  double k;        // K
  double k_slope;  // K'/r
};

// H = sum_i 2 zeta(2i+2)/pi^(2i+2) k^(i+1) r^(2i).
const std::array<double, kTerms>& coefficients() {
  static const std::array<double, kTerms> values = [] {
    std::array<double, kTerms> h{};
    for (int i = 0; i < kTerms; ++i)
      h[i] = 2 * std::riemann_zeta(2.0 * i + 2) / std::pow(pi, 2 * i + 2);
    return h;
  }();
  return values;
}

Curve curve(double nu, int curvature, double r) {
  const double x = r * r;
  if (r < kSeries) {
    Curve c{0, 0, 0, 0};
    double power = curvature;      // k^(i+1) x^i
    double lower = 0, lowest = 0;  // k^(i+1) x^(i-1), x^(i-2)
    for (int i = 0; i < kTerms; ++i) {
      const double h = coefficients()[i];
      c.h += h * power;
      c.h_slope += 2 * i * h * lower;
      if (i >= 1) c.k += (i + nu - 0.5) * h * lower;
      c.k_slope += 2 * (i + nu - 0.5) * (i - 1) * h * lowest;
      lowest = lower * curvature;
      lower = power * curvature;
      power *= curvature * x;
    }
    return c;
  }
  const double t = curvature > 0 ? 1 / std::tan(r) : 1 / std::tanh(r);
  const double q = 1 - r * t;
  const double q1 = r * (curvature + t * t) - t;
  const double q2 = 2 * (curvature + t * t) * q;
  const double h = q / x;
  const double h1 = q1 / x - 2 * q / (x * r);
  const double h2 = q2 / x - 4 * q1 / (x * r) + 6 * q / (x * x);
  const double e = h1 / r, f = (h - curvature / 3.0) / x;
  const double e_slope = (h2 - e) / x, f_slope = (e - 2 * f) / x;
  return {h, e, e / 2 + (nu - 0.5) * f, e_slope / 2 + (nu - 0.5) * f_slope};
}

// log(r/S(r)), without overflow.
double log_ratio(int curvature, double r) {
  if (r < 1e-4) return curvature * r * r / 6;
  if (curvature > 0) return std::log(r / std::sin(r));
  return std::log(2 * r) - r - std::log1p(-std::exp(-2 * r));
}

struct Bessel {
  double log_value;  // log(I_mu(z) z^-mu exp(-z))
  double ratio;      // I_(mu+1)/I_mu
  double ratio_slope;
};

// mu = d/2 - 1, d >= 1. Ratios by downward recursion from a bound of Amos (1974, Math. Comp. 28).
Bessel bessel(int64_t d, double z) {
  const double mu = static_cast<double>(d) / 2 - 1;
  const int start = 40 + static_cast<int>(2 * std::sqrt(z));
  double order = mu + start;
  double ratio = z / (order + 0.5 + std::hypot(z, order + 1.5));
  while (order > mu + 0.5) {
    ratio = z / (2 * order + z * ratio);
    order -= 1;
  }
  double log_value = 0;  // by the power series where z is small, else the asymptotic one
  if (z < 30 + mu * mu) {
    double term = 1, sum = 1;
    for (int j = 1; term > 1e-17 * sum; ++j) sum += term *= z * z / 4 / (j * (j + mu));
    log_value = std::log(sum) - std::lgamma(mu + 1) - mu * std::log(2.0) - z;
  } else {
    double term = 1, sum = 1;
    for (int j = 1; j < 20; ++j) {
      const double next = -term * (4 * mu * mu - (2 * j - 1) * (2 * j - 1)) / (8 * j * z);
      if (std::abs(next) > std::abs(term)) break;
      sum += term = next;
    }
    log_value = std::log(sum) - std::log(2 * pi * z) / 2 - mu * std::log(z);
  }
  const double slope = z == 0 ? 1 / (2 * mu + 2) : 1 - ratio * ratio - (2 * mu + 1) * ratio / z;
  return {log_value, ratio, slope};
}

}  // namespace

RadialKernel small_time_kernel(int64_t d, int curvature, double r, double tau) {
  const double nu = static_cast<double>(d - 1) / 2, second = nu * (nu - 1) / 2;
  const Curve c = curve(nu, curvature, r);
  return {-r * r / (2 * tau) - static_cast<double>(d) / 2 * std::log(2 * pi * tau) +
              nu * log_ratio(curvature, r) + curvature * nu * nu * tau / 2 -
              second * tau * (c.h + tau * c.k),
          1 / tau - nu * c.h + second * tau * (c.h_slope + tau * c.k_slope)};
}

RadialKernel antipodal_kernel(int64_t d, double delta, double tau) {
  const double nu = static_cast<double>(d - 1) / 2;
  const double z = pi * delta / tau;
  const auto [log_bessel, ratio, ratio_slope] = bessel(d, z);
  const double even = nu * (std::log(pi * pi - delta * delta) / 2 + log_ratio(1, delta));
  const double odd = -nu * std::atanh(delta / pi);
  RadialKernel kernel;
  kernel.log_density = -(pi - delta) * (pi - delta) / (2 * tau) -
                       static_cast<double>(d) / 2 * std::log(2 * pi * tau) + nu * nu * tau / 2 -
                       nu * (2 * nu - 1) * tau / (pi * pi) + nu * std::log(pi / tau) +
                       std::log(2 * pi) / 2 + log_bessel + even + odd * ratio;
  // d log p / d delta; every term is odd in delta.
  const double gap = pi * pi - delta * delta;
  const double cotangent = delta < 1e-4 ? delta / 3 : 1 / delta - 1 / std::tan(delta);
  const double slope = -delta / tau + pi / tau * ratio + nu * (cotangent - delta / gap) -
                       nu * pi / gap * ratio + odd * ratio_slope * pi / tau;
  kernel.pull = slope / (pi - delta);
  return kernel;
}

}  // namespace ornstein
