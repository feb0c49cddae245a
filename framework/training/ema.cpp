#include "framework/training/ema.h"

namespace ornstein {

double ema_gamma(double width) {
  // The width falls strictly as gamma grows, from 1/sqrt(12) at gamma = 0: bisection is exact to
  // the last bit and cheap.
  auto width_of = [](double gamma) {
    return std::sqrt((gamma + 1) / ((gamma + 2) * (gamma + 2) * (gamma + 3)));
  };
  TORCH_CHECK(width > 0 && width < width_of(0), "ema_gamma: no power function has relative width ",
              width);
  double low = 0, high = 1;
  while (width_of(high) > width) high *= 2;
  for (int i = 0; i < 200; ++i) {
    const double middle = 0.5 * (low + high);
    (width_of(middle) > width ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

double ema_beta(double gamma, int64_t n) {
  return std::pow(1 - 1 / static_cast<double>(n), gamma + 1);
}

std::string ema_name(double width) { return fmt::format("{}", width); }

}  // namespace ornstein
