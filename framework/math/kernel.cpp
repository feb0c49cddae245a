#include "framework/math/kernel.h"

#include <numbers>

#include "framework/base/errors.h"

namespace ornstein {
namespace {

using std::numbers::pi;

constexpr double kMostNu = 50;      // squared_exponential is what it tends to
constexpr double kNothing = 1e-17;  // of the variance: images that add less are left out

void check(const Kernel& kernel, int64_t dimensions) {
  const auto& names = kernel_names();
  TORCH_CHECK(std::find(names.begin(), names.end(), kernel.name) != names.end(), "no kernel \"",
              kernel.name, "\"");
  TORCH_CHECK(kernel.variance > 0 && kernel.length > 0, "kernel ", kernel.name,
              " wants a positive variance and length");
  TORCH_CHECK(kernel.name != "matern" || (kernel.nu > 0 && kernel.nu <= kMostNu),
              "a Matern kernel wants nu in (0, ", kMostNu, "], not ", kernel.nu);
  TORCH_CHECK(dimensions == 1 || dimensions == 2, "kernels are of 1 or 2 dimensions, not ",
              dimensions);
  TORCH_CHECK(kernel.period.empty() || static_cast<int64_t>(kernel.period.size()) == dimensions,
              "kernel of ", kernel.period.size(), " periods in ", dimensions, " dimensions");
  for (const double period : kernel.period)
    if (period != 0 && !(kernel.length <= period))
      throw ConfigError(fmt::format(
          "kernel length {} is longer than the period {} (the field would be almost constant) "
          "choose a length of at most the period",
          kernel.length, period));
}

// u^nu K_nu(u) 2^(1-nu)/Gamma(nu), 1 at u = 0; LibTorch has no K of real order.
at::Tensor matern(double nu, const at::Tensor& u) {
  if (nu == 0.5) return (-u).exp();
  if (nu == 1.5) return (1 + u) * (-u).exp();
  if (nu == 2.5) return (1 + u + u.square() / 3) * (-u).exp();
  const at::Tensor values = u.to(at::kCPU, at::kDouble).clone(at::MemoryFormat::Contiguous);
  auto* value = values.data_ptr<double>();
  const double factor = std::exp2(1 - nu) / std::tgamma(nu);
  for (int64_t i = 0; i < values.numel(); ++i) {
    const double at = value[i];
    const double power = factor * std::pow(at, nu);
    value[i] = power < 1e-300 ? 1 : at > 700 ? 0 : power * std::cyl_bessel_k(nu, at);
  }
  return values.to(u.device());
}

at::Tensor at_distance(const Kernel& kernel, const at::Tensor& r) {
  const at::Tensor scaled = r / kernel.length;
  if (kernel.name == "white") return (r == 0).to(at::kDouble) * kernel.variance;
  if (kernel.name == "squared_exponential") return (scaled.square() / -2).exp() * kernel.variance;
  const double nu = is_exponential(kernel) ? 0.5 : kernel.nu;
  return matern(nu, scaled * std::sqrt(2 * nu)) * kernel.variance;
}

// Beyond this distance the kernel is nothing.
double reach(const Kernel& kernel) {
  if (kernel.name == "white") return 0;
  double r = kernel.length;
  while (at_distance(kernel, at::full({1}, r, at::kDouble)).item<double>() >
         kNothing * kernel.variance)
    r *= 1.25;
  return r;
}

// The sum over the images along axes axis, axis + 1, ...; `squared` is the distance of the earlier
// ones, `nearest` the square of the least it can be.
at::Tensor image_sum(const Kernel& kernel, const std::vector<at::Tensor>& lags, double reach,
                     size_t axis, const at::Tensor& squared, double nearest) {
  if (axis == lags.size()) return at_distance(kernel, squared.sqrt());
  const double period = kernel.period.empty() ? 0 : kernel.period[axis];
  const auto images = period > 0 ? static_cast<int64_t>(std::ceil(reach / period)) : 0;
  at::Tensor sum;
  for (int64_t m = -images; m <= images; ++m) {
    const double shift = static_cast<double>(m) * period;
    const double least = nearest + std::pow(std::max(0.0, std::abs(shift) - period / 2), 2);
    if (m != 0 && least > reach * reach) continue;
    const at::Tensor along = (lags[axis] + shift).square();
    const at::Tensor term = image_sum(kernel, lags, reach, axis + 1,
                                      squared.defined() ? squared + along : along, least);
    sum = sum.defined() ? sum + term : term;
  }
  return sum;
}

}  // namespace

const std::vector<std::string>& kernel_names() {
  static const std::vector<std::string> names{"exponential", "matern", "squared_exponential",
                                              "white"};
  return names;
}

bool is_exponential(const Kernel& kernel) {
  return kernel.name == "exponential" || (kernel.name == "matern" && kernel.nu == 0.5);
}

at::Tensor covariance(const Kernel& kernel, const std::vector<at::Tensor>& lags) {
  check(kernel, static_cast<int64_t>(lags.size()));
  std::vector<at::Tensor> wrapped;
  bool wraps = false;
  for (size_t axis = 0; axis < lags.size(); ++axis) {
    TORCH_CHECK(lags[axis].scalar_type() == at::kDouble, "covariance wants float64 lags");
    wrapped.push_back(lags[axis].abs());
    const double period = kernel.period.empty() ? 0 : kernel.period[axis];
    if (period > 0) wrapped[axis] = (wrapped[axis] + period / 2).remainder_(period) - period / 2;
    wraps = wraps || period > 0;
  }
  return image_sum(kernel, wrapped, wraps ? reach(kernel) : 0, 0, {}, 0);
}

at::Tensor covariance_matrix(const Kernel& kernel, const at::Tensor& x, const at::Tensor& y) {
  TORCH_CHECK(x.dim() == 2 && y.dim() == 2 && x.size(1) == y.size(1),
              "covariance_matrix wants points [p, d] and [q, d], not ", x.sizes(), " and ",
              y.sizes());
  std::vector<at::Tensor> lags;
  for (int64_t axis = 0; axis < x.size(1); ++axis)
    lags.push_back(x.select(1, axis).unsqueeze(1) - y.select(1, axis));
  return covariance(kernel, lags);
}

at::Tensor spectral_density(const Kernel& kernel, int64_t dimensions, const at::Tensor& frequency) {
  check(kernel, kernel.period.empty() ? dimensions : static_cast<int64_t>(kernel.period.size()));
  TORCH_CHECK(kernel.name != "white", "white noise has no spectral density");
  const double d = static_cast<double>(dimensions);
  const double l = kernel.length;
  if (kernel.name == "squared_exponential")
    return (frequency.square() * (-l * l / 2)).exp() *
           (kernel.variance * std::pow(2 * pi * l * l, d / 2));
  const double nu = is_exponential(kernel) ? 0.5 : kernel.nu;
  const double log_factor = d * std::log(2.0) + d / 2 * std::log(pi) + std::lgamma(nu + d / 2) -
                            std::lgamma(nu) + nu * std::log(2 * nu / (l * l));
  return (2 * nu / (l * l) + frequency.square()).pow(-(nu + d / 2)) *
         (kernel.variance * std::exp(log_factor));
}

}  // namespace ornstein
