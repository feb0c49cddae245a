// A transformer for sets of points, whose output permutes as its points do. Points see each other
// through a few latent vectors z (Lee et al. 2019, arXiv:1810.00825, induced set attention; the
// latents are carried from block to block as in Jabri et al. 2023, arXiv:2212.11972), so that time
// and memory are linear in the number of points:
//   h_i = lift(features(x_i)),                        z = latents + to_latents(e)
//   a   = m_1(h),                                     m(h) = LayerNorm(h) (1 + scale(e)) + shift(e)
//   z  <- z + read_out(attention(z to a)),            z  <- z + perceptron(LayerNorm(z))
//   h  <- h + write_out(attention(a to z)) + voxels(a), h  <- h + perceptron(m_2(h))
//   y_i = output(LayerNorm(h_i))
// with features of point_features.h, e of condition_embedding.h and attention in several heads.
// Latents know the shape at large; `voxels`, of point_voxels.h, lets a point see its neighbours. No
// point that `given.mask` leaves out is seen.
//
//   key               default    meaning
//   width             64         channels of points and latents; a multiple of heads
//   blocks            4
//   heads             4
//   latents           32
//   hidden            128        channels of the perceptrons' hidden layer
//   voxels            0          a side of the grid, for points in space; 0: no `voxels`
//   point_pairs, point_frequencies   6, [1, 16]   of the features
//   time_channels     128        width of the embedding e
//   time_pairs        16         sine/cosine pairs of the time embedding
//   time_frequencies  [0.25, 4]  lowest and highest, radians per unit of t
// Scale, shift, the end of the points' branches and the output start at zero.
#pragma once

#include "framework/nn/network.h"

namespace ornstein {

// shape.set. x [B, P, D] with any P, given.mask [B, P] or undefined -> [B, P, shape.outputs].
Network make_set_transformer(const ConfigReader& section, const NetworkShape& shape);

}  // namespace ornstein
