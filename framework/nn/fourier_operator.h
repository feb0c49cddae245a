// Fourier neural operator (Li et al. 2021, arXiv:2010.08895) on an interval, a circle, or a product
// of two, for diffusion of functions (Kerrigan et al. 2023, arXiv:2212.00886):
//   h_0 = lift([u, position])
//   z_l = K_l h_(l-1) + W_l h_(l-1) + b_l,            K_l: spectral_convolution.h
//   h_l = GELU(z_l (1 + scale_l(e)) + shift_l(e)),    no GELU in the last layer
//   y   = project_2(GELU(project_1(h_L)))
// with e of condition_embedding.h and position of function_domain.h. It sees the function, not the
// grid: what it returns at a point is the same on every grid that resolves the modes, up to
//   circle: the frequencies that GELU makes above the grid's Nyquist frequency (below 1e-5 at 5
//     points a period of the highest mode for weights as first drawn, falling faster than any
//     power);
//   interval: O(h^2).
// Where we differ: the time enters by scale and shift, not as a constant input; circles are told by
// sine and cosine, so that x_0 and x_0 + L are one point; the modes stay below the Nyquist
// frequency, whose weight two frequencies share.
//
//   key              default    meaning
//   width            64         channels of every layer
//   layers           4
//   modes            [16]       highest frequency kept, waves a period, one for each axis or one
//                               for all. Below the Nyquist frequency of the coarsest data grid, to
//                               which the default gives way
//   padding          0.25       what the Fourier period adds to an interval, in lengths of it: how
//                               far apart its ends are for the periodic kernel
//   position         true       input of coordinates. Without, on circles, shifting u shifts y
//   projection       128        channels of the hidden layer of the projection
//   time_channels    128        width of the embedding e
//   time_pairs       32         sine/cosine pairs of the time embedding
//   time_frequencies [0.5, 15]  lowest and highest, radians per unit of t
// Scale, shift and the output start at zero.
#pragma once

#include "framework/nn/network.h"

namespace ornstein {

// x [B, C, n] or [B, C, n, m], given.coordinates [n, 1] or [n, m, 2] of a regular grid ->
// [B, shape.outputs, n(, m)]. ConfigError for other grids, and for ones too coarse for the modes.
Network make_fourier_operator(const ConfigReader& section, const NetworkShape& shape);

}  // namespace ornstein
