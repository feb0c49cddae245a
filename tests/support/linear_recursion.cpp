#include "tests/support/linear_recursion.h"

namespace ornstein {

AffineLaw reverse_euler_maruyama(const at::Tensor& lambda, int64_t steps, double end) {
  AffineLaw law{at::zeros_like(lambda), at::ones_like(lambda)};
  const double delta = end / static_cast<double>(steps);
  for (int64_t k = steps; k > 0; --k) {
    const double alpha = std::exp(-delta * static_cast<double>(k));
    const at::Tensor pull = 2 * delta / (alpha * alpha * lambda + (1 - alpha * alpha));
    const at::Tensor kept = 1 + delta - pull;
    law.gain = kept * law.gain + alpha * pull;
    law.variance = kept.square() * law.variance + 2 * delta;
  }
  return law;
}

AffineLaw reverse_ancestral(const at::Tensor& lambda, const std::vector<double>& alpha_bar,
                            bool large) {
  AffineLaw law{at::zeros_like(lambda), at::ones_like(lambda)};
  for (size_t t = alpha_bar.size() - 1; t > 0; --t) {
    const double here = alpha_bar[t], next = alpha_bar[t - 1], beta = 1 - here / next;
    const double of_x0 = std::sqrt(next) * beta / (1 - here);
    const double of_x = std::sqrt(1 - beta) * (1 - next) / (1 - here);
    const at::Tensor total = here * lambda + (1 - here);  // E[x0|x] = mu + gain (x - alpha mu)
    const at::Tensor slope = std::sqrt(here) * lambda / total;
    const at::Tensor kept = of_x + of_x0 * slope;
    law.gain = kept * law.gain + of_x0 * (1 - here) / total;
    law.variance = kept.square() * law.variance;
    if (t > 1) law.variance = law.variance + beta * (large ? 1 : (1 - next) / (1 - here));
  }
  return law;
}

}  // namespace ornstein
