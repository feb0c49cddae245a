// The Jensen-Shannon divergence of where two sets of clouds have their points (Achlioptas et al.
// 2018, arXiv:1707.02392, sec. 4): points are counted at the nearest node of a grid of 28 a side on
// the cube [-1/2, 1/2]^D, of those nodes that lie in the ball of radius 1/2, and
//   JSD(p, q) = H((p + q)/2) - (H(p) + H(q))/2,      in bits: 0 for equal laws, 1 for disjoint
//   ones.
// Where we differ: the cube is laid around the references. PointFlow and DPM (Luo and Hu 2021) take
// clouds as they are, so that the divergence depends on how they were scaled, and points outside
// the ball all fall on its surface.
#pragma once

#include <ATen/core/Tensor.h>

namespace ornstein::point_cloud {

// D = 1, 2 or 3. The cube's centre is that of the references' bounding box, and its ball touches
// the reference point that is farthest from there. samples, references [n, D], all points of a set.
double occupancy_divergence(const at::Tensor& samples, const at::Tensor& references);

}  // namespace ornstein::point_cloud
