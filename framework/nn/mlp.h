// Residual multilayer perceptron (He et al. 2016, arXiv:1512.03385) for points:
//   h = input([x, sin(f x), cos(f x), ..., features(t)]) + class_embedding(label)
//   h = h + SiLU(layer_l(h)),  l = 1..depth
//   y = output(SiLU(h))
//
//   key              default    meaning
//   width            128        of every hidden layer
//   depth            3          hidden layers
//   time_pairs       16         sine/cosine pairs of the time embedding
//   time_frequencies [0.25, 4]  lowest and highest, radians per unit of t
//   position_frequencies []     f: the input also has sin(f x) and cos(f x) of each of its numbers,
//                               for fine detail (Tancik et al. 2020, arXiv:2006.10739)
// The output layer starts at zero.
#pragma once

#include "framework/nn/network.h"

namespace ornstein {

// x [B, D] -> [B, shape.outputs]. Images [B, C, H, W] are flattened, and come back as
// [B, shape.outputs, H, W].
Network make_mlp(const ConfigReader& section, const NetworkShape& shape);

}  // namespace ornstein
