// Squared norms of functions e [B, C, n(, m)] on a grid -> [B], channels added, e's type,
// differentiable. Integrals are over the domain in the coordinates' unit and keep their value as
// the grid is refined.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/math/grid.h"

namespace ornstein {

// Integral of e^2 by the trapezoid rule. Divided by the sum of the grid's weights, a mean over the
// domain.
at::Tensor squared_l2(const at::Tensor& e, const Grid& grid);

// The Sobolev norm of order 1 with a length l that gives both terms one unit,
//   integral of e^2 + l^2 |grad e|^2,
// the gradient that of the interpolant linear between neighbours.
//
// Where we differ: Kerrigan, Ley and Smyth 2023 (arXiv:2212.00886) take the divergence of
// Gaussian measures *on* the Sobolev space. That is |C^{-1/2} e|^2 with the covariance operator
// there, C(1 + D*D), in that space's product: the Cameron-Martin norm of the same kernel, whichever
// space the measure is put on. Their discretisations differ, the limit does not, so that loss is
// GaussianField::cameron_martin. The norm here is a loss of its own; for the exponential kernel of
// length l on a line of ends a and b
//   cameron_martin(e) = (e(a)^2 + e(b)^2)/2 + squared_sobolev(e, l)/(2 l)      (variance 1).
at::Tensor squared_sobolev(const at::Tensor& e, const Grid& grid, double length);

}  // namespace ornstein
