// What a network for points in space is shown of a point x: its coordinates, and sines and cosines
// of each of them, without which fine structure is learned late (Tancik et al. 2020,
// arXiv:2006.10739):
//   features(x) = [x, sin(f_1 x), ..., sin(f_n x), cos(f_1 x), ..., cos(f_n x)]
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "framework/nn/time_embedding.h"

namespace ornstein {

struct PointFeatures {
  TimeFeatures waves;

  int64_t size(int64_t axes) const { return axes * (1 + waves.size()); }
  at::Tensor operator()(const at::Tensor& x) const;  // [B, P, D] -> [B, P, size(D)]
};

// Reads
//   point_pairs        6          sine/cosine pairs of every coordinate, which has unit variance
//   point_frequencies  [1, 16]    lowest and highest, radians per unit
PointFeatures read_point_features(const ConfigReader& section);

}  // namespace ornstein
