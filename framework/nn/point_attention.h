// A neural operator for functions on any points of an interval or circle, and on any product grid
// of two: blocks of attention whose sums over points are integrals, and of a perceptron at each
// point.
//   h   = lift([u, position])
//   h  <- h + out(A(m_1(h))),     m(h) = LayerNorm(h) (1 + scale(e)) + shift(e)
//   h  <- h + linear_2(GELU(linear_1(m_2(h))))
//   y   = output(LayerNorm(h))
//   A(v)(x) = q(x)^T (1/|D|) int_D LayerNorm(k(y)) LayerNorm(w(y))^T dy     in every head,
// q, k, w linear in v. A is the Galerkin-type attention of Cao 2021 (arXiv:2105.14995), whose mean
// over points is here an integral over the domain D with the cells of function_domain.h as weights:
// points that lie dense do not count for more, and the operator has a limit as the grid is refined,
// with the cells' error (O(h^2) for smooth functions). Chosen over softmax attention to learned
// points (Jaegle et al. 2022, arXiv:2107.14795) because both cost O(n) and in this one every block
// integrates over all points against learned functions, as the Fourier operator does against waves.
// Modulation by e (condition_embedding.h) after Peebles and Xie 2023, arXiv:2212.09748; position:
// function_domain.h.
//
//   key              default    meaning
//   width            64         channels of every block; a multiple of heads
//   blocks           4
//   heads            4
//   hidden           128        channels of the perceptrons' hidden layer
//   frequencies      [8]        waves of the position in a period (in two lengths of an interval),
//                               one for each axis or one for all. Below the Nyquist frequency of
//                               the coarsest data grid, to which the default gives way
//   time_channels    128        width of the embedding e
//   time_pairs       32         sine/cosine pairs of the time embedding
//   time_frequencies [0.5, 15]  lowest and highest, radians per unit of t
// Scale, shift, the end of every branch and the output start at zero.
#pragma once

#include "framework/nn/network.h"

namespace ornstein {

// x [B, C, n] or [B, C, n, m], given.coordinates [n, 1] or [n, m, 2], in any order ->
// [B, shape.outputs, n(, m)]. Memory linear in the number of points.
Network make_point_attention(const ConfigReader& section, const NetworkShape& shape);

}  // namespace ornstein
