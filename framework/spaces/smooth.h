// Functions of a squared length s = |v|^2 that are smooth at s = 0, though their usual forms divide
// by |v| or take its root. Differentiable there: the branch that is not taken sees a safe argument.
#pragma once

#include <ATen/core/Tensor.h>

namespace ornstein {

at::Tensor sinc_of_root(const at::Tensor& s);   // sin(r)/r, r = sqrt(s)
at::Tensor sinhc_of_root(const at::Tensor& s);  // sinh(r)/r
at::Tensor cos_of_root(const at::Tensor& s);    // cos(r)
at::Tensor cosh_of_root(const at::Tensor& s);   // cosh(r)
at::Tensor root(const at::Tensor& s);           // r, with gradient 0 at s = 0

// angle/sine of the angle whose sine is sqrt(s) and whose cosine has the sign of c, s = 1 - c^2: 1
// at s = 0, c > 0. At s = 0, c < 0 (a cut locus) it is finite and meaningless.
at::Tensor angle_over_sine(const at::Tensor& s, const at::Tensor& c);

// r/sinh(r) of the r with sinh(r/2)^2 = q: asinh's counterpart.
at::Tensor radius_over_sinh(const at::Tensor& q);

}  // namespace ornstein
