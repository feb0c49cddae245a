// A scatter picture of points.
#pragma once

#include <ATen/core/Tensor.h>

namespace ornstein::points {

// Dark points on white, darker where they lie close: the first two coordinates of x [N, D] (one
// coordinate: along a line), second axis up, same scale on both axes. Shows the 0.1 to 99.9 percent
// range; rows that are not finite are left out. Returns [600, 600, 1] uint8.
at::Tensor scatter(const at::Tensor& x);

}  // namespace ornstein::points
