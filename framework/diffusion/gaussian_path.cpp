#include "framework/diffusion/gaussian_path.h"

namespace ornstein {
namespace {

constexpr double kSmallestTime = 1e-5;

// 1 - e^-B and e^B - 1 go through expm1: near the data B is 1e-6, and float32 would cancel.
GaussianPath variance_preserving(std::function<at::Tensor(const at::Tensor&)> integrated_beta,
                                 double end) {
  return {[=](const at::Tensor& t) { return (integrated_beta(t) / -2).exp(); },
          [=](const at::Tensor& t) { return (-(-integrated_beta(t)).expm1()).sqrt(); },
          [=](const at::Tensor& t) { return integrated_beta(t).expm1().sqrt(); }, kSmallestTime,
          end};
}

}  // namespace

GaussianPath vp_path(double beta_min, double beta_max) {
  TORCH_CHECK(0 < beta_min && beta_min <= beta_max, "vp_path wants 0 < beta_min <= beta_max");
  return variance_preserving(
      [=](const at::Tensor& t) { return t * (beta_min + t * ((beta_max - beta_min) / 2)); }, 1);
}

GaussianPath edm_path(double sigma_min, double sigma_max) {
  TORCH_CHECK(0 < sigma_min && sigma_min < sigma_max, "edm_path wants 0 < sigma_min < sigma_max");
  const auto identity = [](const at::Tensor& t) { return t; };
  return {[](const at::Tensor& t) { return at::ones_like(t); }, identity, identity, sigma_min,
          sigma_max};
}

GaussianPath ou_path(double end) {
  TORCH_CHECK(end > kSmallestTime, "ou_path wants an end beyond ", kSmallestTime);
  return variance_preserving([](const at::Tensor& t) { return 2 * t; }, end);
}

GaussianPath log_snr_path(double max, double min, double t_min, double end) {
  TORCH_CHECK(min < max && 0 < t_min && t_min < end,
              "log_snr_path wants min < max and 0 < t_min < end");
  const auto log_snr = [=](const at::Tensor& t) {
    return max + (min - max) / (end - t_min) * (t - t_min);
  };
  return {[=](const at::Tensor& t) { return log_snr(t).sigmoid().sqrt(); },
          [=](const at::Tensor& t) { return (-log_snr(t)).sigmoid().sqrt(); },
          [=](const at::Tensor& t) { return (log_snr(t) / -2).exp(); }, t_min, end};
}

GaussianPath ve_path(double sigma_min, double sigma_max) {
  TORCH_CHECK(0 < sigma_min && sigma_min < sigma_max, "ve_path wants 0 < sigma_min < sigma_max");
  const auto sigma = [=](const at::Tensor& t) {
    return sigma_min * (t * std::log(sigma_max / sigma_min)).exp();
  };
  return {[](const at::Tensor& t) { return at::ones_like(t); }, sigma, sigma, 0, 1};
}

}  // namespace ornstein
