// U-Net with self-attention (Ronneberger et al. 2015; Ho et al. 2020, arXiv:2006.11239, app. B):
// tensors, names and arithmetic of diffusers' UNet2DModel, so that weights pass either way.
// Keys of the section: unet_options.h.
#pragma once

#include "framework/nn/network.h"

namespace ornstein {

// x [B, C, H, W] -> [B, shape.outputs, H, W]; C and shape.outputs may differ (a condition is joined
// to x). H and W must be multiples of 2^(levels - 1), the network's divisor.
Network make_unet(const ConfigReader& section, const NetworkShape& shape);

}  // namespace ornstein
