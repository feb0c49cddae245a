// A picture of point clouds.
#pragma once

#include <ATen/core/Tensor.h>

namespace ornstein::point_clouds {

// The first 24 clouds of x [N, P, D], each a tile of two views: from the front and above (the
// second axis is up), and from the left side. Points are small discs, darker where they are nearer;
// their colour is that of their height. All tiles have one scale, of the 99.5 percent of the
// numbers nearest to zero. Clouds of the plane (D = 2) have one view; of more than three axes the
// first three are shown. `mask` [N, P] may be undefined; points outside it, and those that are not
// finite, are left out. Returns [H, W, 3] uint8.
at::Tensor clouds_from_two_views(const at::Tensor& x, const at::Tensor& mask);

}  // namespace ornstein::point_clouds
