// What the tests of `riemannian` share: a law on S^2 whose diffused density is known.
#pragma once

#include "tests/spaces/some_spaces.h"
#include "tests/support/memory_dataset.h"
#include "tests/trainers/trainer_calls.h"
#include "trainers/riemannian/likelihood.h"

namespace ornstein::riemannian {

// von Mises-Fisher on S^2 about the north pole, density kappa/(4 pi sinh kappa) exp(kappa c), c =
// cos of the angle to the pole. After tau it is sum_l (2 l + 1)/(4 pi) A_l exp(-l (l + 1) tau/2)
// P_l(c), with A_l = I_(l+1/2)(kappa)/I_(1/2)(kappa), by downward recurrence.
class DiffusedVonMisesFisher {
 public:
  explicit DiffusedVonMisesFisher(double kappa) : kappa_(kappa), ratios_(kTerms + 1, 0.0) {
    std::vector<double> bessel(kTerms + 40, 0.0);
    bessel[kTerms + 38] = 1e-200;
    for (int64_t l = kTerms + 37; l >= 0; --l)
      bessel[l] = bessel[l + 2] + (2 * static_cast<double>(l) + 3) / kappa * bessel[l + 1];
    for (int64_t l = 0; l <= kTerms; ++l) ratios_[l] = bessel[l] / bessel[0];
  }

  double mean() const { return ratios_[1]; }  // E c at tau = 0

  at::Tensor log_density(const at::Tensor& x) const {  // at tau = 0
    return kappa_ * x.select(1, 2) + std::log(kappa_ / (4 * M_PI * std::sinh(kappa_)));
  }

  // Score at x [b, 3] after tau [b].
  at::Tensor score(const at::Tensor& x, const at::Tensor& tau) const {
    const at::Tensor c = x.select(1, 2);
    at::Tensor p = at::zeros_like(c), slope = at::zeros_like(c);
    at::Tensor before = at::ones_like(c), now = c, before_slope = at::zeros_like(c),
               now_slope = at::ones_like(c);
    p = p + 1;
    for (int64_t l = 1; l <= kTerms; ++l) {
      const auto degree = static_cast<double>(l);
      const at::Tensor weight =
          (2 * degree + 1) * ratios_[l] * (tau * (-degree * (degree + 1) / 2)).exp();
      p = p + weight * now;
      slope = slope + weight * now_slope;
      const at::Tensor next = ((2 * degree + 1) * c * now - degree * before) / (degree + 1);
      const at::Tensor next_slope = before_slope + (2 * degree + 1) * now;
      before = now, now = next, before_slope = now_slope, now_slope = next_slope;
    }
    const at::Tensor pole = at::tensor({0.0, 0.0, 1.0}, x.options()).expand_as(x);
    return Sphere{2}.tangent(x, pole) * (slope / p).unsqueeze(1);
  }

  at::Tensor draws(int64_t rows, at::Generator& generator) const {
    const at::Tensor u = at::rand({rows}, generator, at::kDouble);
    const at::Tensor c = 1 + (u + (1 - u) * std::exp(-2 * kappa_)).log() / kappa_;
    const at::Tensor angle = at::rand({rows}, generator, at::kDouble) * (2 * M_PI);
    const at::Tensor radius = (1 - c.square()).clamp_min(0).sqrt();
    return at::stack({radius * angle.cos(), radius * angle.sin(), c}, 1);
  }

 private:
  static constexpr int64_t kTerms = 40;
  double kappa_;
  std::vector<double> ratios_;
};

}  // namespace ornstein::riemannian
