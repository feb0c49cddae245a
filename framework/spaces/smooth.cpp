#include "framework/spaces/smooth.h"

namespace ornstein {
namespace {

constexpr double kSmall = 1e-6;  // of s: the next term of the series is s^3/5040

// where(s small, series(s), closed(s)) whose gradient is that of the branch taken.
template <class Series, class Closed>
at::Tensor branched(const at::Tensor& s, const Series& series, const Closed& closed) {
  const at::Tensor small = s < kSmall;
  return at::where(small, series(s), closed(at::where(small, at::ones_like(s), s)));
}

}  // namespace

at::Tensor sinc_of_root(const at::Tensor& s) {
  return branched(
      s, [](const at::Tensor& a) { return 1 - a / 6 * (1 - a / 20); },
      [](const at::Tensor& a) { return a.sqrt().sin() / a.sqrt(); });
}

at::Tensor sinhc_of_root(const at::Tensor& s) {
  return branched(
      s, [](const at::Tensor& a) { return 1 + a / 6 * (1 + a / 20); },
      [](const at::Tensor& a) { return a.sqrt().sinh() / a.sqrt(); });
}

// The double-angle formulas: no root of s itself.
at::Tensor cos_of_root(const at::Tensor& s) { return 1 - s / 2 * sinc_of_root(s / 4).square(); }
at::Tensor cosh_of_root(const at::Tensor& s) { return 1 + s / 2 * sinhc_of_root(s / 4).square(); }

at::Tensor root(const at::Tensor& s) {
  const at::Tensor zero = s <= 0;
  return at::where(zero, 0, at::where(zero, 1, s).sqrt());
}

at::Tensor angle_over_sine(const at::Tensor& s, const at::Tensor& c) {
  const at::Tensor small = (s < kSmall).logical_and(c > 0);
  const at::Tensor safe = at::where(small, 0.5, s).clamp_min(1e-30);
  return at::where(small, 1 + s / 6 * (1 + s * 9 / 20), at::atan2(safe.sqrt(), c) / safe.sqrt());
}

at::Tensor radius_over_sinh(const at::Tensor& q) {
  const at::Tensor small = q < kSmall;
  const at::Tensor safe = at::where(small, 1, q);
  // sinh r = 2 sinh(r/2) cosh(r/2).
  return at::where(small, 1 - 2 * q / 3 * (1 - q * 4 / 5),
                   safe.sqrt().asinh() / (safe * (1 + safe)).sqrt());
}

}  // namespace ornstein
