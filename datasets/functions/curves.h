// A picture of curves.
#pragma once

#include <ATen/core/Tensor.h>

namespace ornstein::functions {

// x [N, C, n] at places [n], rising; a panel a channel, one below the other. Up to 24 curves are
// drawn as lines; of more the bands between the quantiles 0.05 and 0.95, 0.25 and 0.75, and the
// median, under the first eight curves. A panel shows the values between the quantiles 0.001 and
// 0.999 and a grey line at zero, where that is among them; numbers that are not finite are left
// out. Returns [C * 360, 900, 3] uint8.
at::Tensor curves(const at::Tensor& x, const at::Tensor& places);

}  // namespace ornstein::functions
