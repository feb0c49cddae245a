// The heat kernel of a space of constant curvature k = 1 (sphere) or k = -1 (hyperbolic space) for
// small times, with nu = (d - 1)/2 and S = sin or sinh:
//   log p = -r^2/(2 tau) - d/2 log(2 pi tau) + nu log(r/S(r)) + k nu^2 tau/2
//           - nu (nu - 1)/2 (tau H(r) + tau^2 K(r)) + O(tau^3),
//   H = (1 - r S'/S)/r^2,   K = (r H'/2 + (nu - 1/2)(H - H(0)))/r^2.
// The first line alone is exact for d = 1 and d = 3 (but for the sphere's images beyond pi). The
// expansion is Minakshisundaram and Pleijel's 1949; H and K are our integration of its recursion
//   u_j = r^-j int_0^r s^(j-1) (u'' /2 + nu u'/s + B u) ds,  B = nu (nu - 1)/2 (1/s^2 - k^2/S^2),
// taken in logarithmic form, u = u_(j-1).
#pragma once

#include <cstdint>

#include "framework/spaces/heat_kernel.h"

namespace ornstein {

// r >= 0; on the sphere r < pi, and not within a few tau of pi: there the terms grow without bound.
RadialKernel small_time_kernel(int64_t d, int curvature, double r, double tau);

// The sphere's cut locus: uniform for 0 <= delta = pi - r <= 1/2. Geodesics of all directions add
// up to a Bessel function of z = pi delta/tau,
//   log p = -(pi^2 + delta^2)/(2 tau) - d/2 log(2 pi tau) + nu log(pi/tau) + log(2 pi)/2
//           + log(I_mu(z) z^-mu) + E(delta) + O(delta) R(z) + nu^2 tau/2 - nu (2 nu - 1) tau/pi^2,
// mu = nu - 1/2, R = I_(mu+1)/I_mu; E and O are the even and odd parts of nu log(r delta/sin r).
// The last term joins it to the expansion above as z grows, where R = 1 - nu/z.
RadialKernel antipodal_kernel(int64_t d, double delta, double tau);

}  // namespace ornstein
