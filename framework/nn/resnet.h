// Convolutional residual network at one resolution: no down-sampling, no attention. Local, which
// suits wavelet details given their low-pass (Guth et al. 2022, arXiv:2208.05003; Kadkhodaie et al.
// 2023, arXiv:2303.02984: their conditional law is nearly local). Blocks: residual_block.h.
//
//   key              default    meaning
//   channels         48         of every block; a multiple of norm_num_groups
//   blocks           4          residual blocks; each widens the receptive field by 4 pixels
//   norm_num_groups  8          groups of every group normalisation
//   dropout          0          probability in every residual block, in training mode only
//   time_channels    128        width of the time embedding
//   time_pairs       32         sine/cosine pairs of the time embedding
//   time_frequencies [0.5, 15]  lowest and highest, radians per unit of t
// The last layer of every residual branch, the time projections and the output start at zero.
#pragma once

#include "framework/nn/network.h"

namespace ornstein {

// x [B, C, H, W], any H and W -> [B, shape.outputs, H, W]; C and shape.outputs may differ.
Network make_resnet(const ConfigReader& section, const NetworkShape& shape);

}  // namespace ornstein
