// Where Brownian motion from a point of the unit ball of R^d hits the sphere: the Poisson kernel.
//   P(z, y) = (1 - |z|^2)/|y - z|^d   against the uniform law on the sphere
// It depends on r = |z| and the angle between z and y alone. With q = tan(angle/2) = (1 - r)/(1 +
// r) y its law is that of y = |N_{d-1}|/|N_1|, a ratio of Gaussian lengths, times (1 + q^2)^(1 -
// d/2): what the half space's Cauchy law becomes under an inversion (Axler, Bourdon and Ramey 2001,
// Harmonic Function Theory, ch. 7). At d = 3 the angle's distribution function is inverted in
// closed form, at d = 2 nothing is rejected; else rejection, from this law or from the uniform one,
// whichever accepts more: about (3/2)^(d - 2) tries where r is 1/3, 32 at d = 10, 360 at d = 16.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ornstein::first_hitting {

inline constexpr int64_t kMostCoordinates = 16;  // d that draws can be afforded of

struct PoissonDraw {
  at::Tensor along;   // [n, d], the part of y along the pole
  at::Tensor across;  // [n, d], the rest: y = along + across; along - across has the same law
};

// y from P(r pole, y): pole [n, d] unit vectors, r [n] in [0, 1), float64.
PoissonDraw draw_poisson(const at::Tensor& pole, const at::Tensor& r, at::Generator& generator);

// log P(z, x), [n].
at::Tensor log_poisson(const at::Tensor& z, const at::Tensor& x);

}  // namespace ornstein::first_hitting
