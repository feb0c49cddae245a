// Rotations of space as unit quaternions q = (cos(w/2), sin(w/2) axis); q and -q are one rotation.
#pragma once

#include <ATen/core/Tensor.h>

namespace ornstein {

at::Tensor rotation_of(const at::Tensor& q);    // [b, 4] of length one -> [b, 3, 3]
at::Tensor quaternion_of(const at::Tensor& r);  // [b, 3, 3] -> [b, 4], q_0 >= 0; no digits lost
at::Tensor skew_of(const at::Tensor& w);        // [b, 3] -> [b, 3, 3], skew_of(w) a = w x a
at::Tensor axis_of(const at::Tensor& skew);     // its inverse

}  // namespace ornstein
