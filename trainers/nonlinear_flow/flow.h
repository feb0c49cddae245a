// A flow of images [B, C, H, W], as the section `flow` describes it:
//
//   key         default                  meaning
//   name        (required)               "identity", "coupling" or "residual"
//   blocks      [0, 4, 4], [4, 4]        layers at full size, at half size, ...: each entry after
//                                        the first squeezes (space to depth) once more; at the end
//                                        the latent has the image's shape again
//   channels    64, 32                   of the convolutions inside a layer
//   lipschitz   0.9                      residual: of each convolution, below 1
//   log_det     "roulette"               residual: or "series", "exact"; in training
//   terms       2                        residual: of the series
//
// A coupling layer is actnorm, invertible 1x1 convolution and affine coupling. Defaults given twice
// are those of coupling and of residual.
#pragma once

#include "framework/config/config_reader.h"
#include "trainers/nonlinear_flow/bijection.h"

namespace ornstein::nonlinear_flow {

// `image`: C, H, W of what the flow sees. Parameters are drawn from LibTorch's default generator,
// on the CPU. ConfigError where sizes do not allow the squeezes.
std::shared_ptr<Bijection> read_flow(const ConfigReader& section,
                                     const std::vector<int64_t>& image);

}  // namespace ornstein::nonlinear_flow
