// Pictures of points on their space.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace ornstein::points {

// x [N, D] of `space`:
//   sphere (D = 3)      Mollweide's map, equal in area: longitude atan2(y, x) from -180 on the left
//                       to 180, latitude asin z, a graticule every 30 degrees
//   so3                 the same map of X e_z; the hue is the turn about it, atan2(X_32, -X_31)
//   torus               the first two angles from -pi to pi, the second up
//   hyperbolic (D = 3)  Poincare's disc, (x_1, x_2)/(1 + x_0)
//   binary              the first 40 rows as matrices, ones dark: a lattice where D is a square,
//                       else the adjacency of a graph where D is n (n - 1)/2, else a line
//   all else            a scatter of the first two coordinates (picture.h)
// Points are darker where they lie close; rows that are not finite are left out. Returns [H, W, 1
// or 3] uint8.
at::Tensor picture_on_space(const std::string& space, const at::Tensor& x);

}  // namespace ornstein::points
