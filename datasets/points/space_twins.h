// Mixtures on curved spaces whose densities are known, in nats against the space's own volume.
//
//   sphere_mixture      S^2: four von Mises-Fisher laws, kappa/(4 pi sinh kappa) exp(kappa <m, x>),
//                       against the area 4 pi
//   torus_mixture       T^2: three wrapped normals, one of them oblique, against (2 pi)^2
//   so3_mixture         SO(3): three heat kernels, Brownian motion with generator half the
//                       Laplacian run for a time tau from a rotation R, against 8 pi^2 (a
//                       geodesic's length is its angle). With w the angle of R^T X: 1/(8 pi^2)
//                       sum_l (2 l + 1) exp(-l (l + 1) tau/2) sin((l + 1/2) w)/sin(w/2)
//   hyperbolic_mixture  H^2 as hyperboloid: three wrapped normals, exp_m of N(0, sigma^2 I),
//   against
//                       its area: exp(-r^2/(2 sigma^2))/(2 pi sigma^2) r/sinh r (Nagano et al.
//                       2019, arXiv:1902.02992)
#pragma once

#include <vector>

#include "datasets/points/twins.h"

namespace ornstein::points {

std::vector<Twin> space_twins();

}  // namespace ornstein::points
