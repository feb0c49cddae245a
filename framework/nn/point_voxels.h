// Features of points on a grid of voxels and back, so that a convolution shows a point its
// neighbours: point-voxel convolution, Liu et al. 2019, arXiv:1907.03739, sec. 3. For points in
// space, D = 3.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>

namespace ornstein {

// Positions in voxels, from 0 to side - 1: x [B, P, 3] less its cloud's mean, divided by twice the
// largest distance from there, plus 1/2, times side - 1. Moving or scaling a cloud changes nothing.
// mask [B, P] or undefined: points left out have no say.
at::Tensor voxel_coordinates(const at::Tensor& x, const at::Tensor& mask, int64_t side);

// [B, C, side, side, side]: the mean of the features [B, P, C] of the points whose nearest voxel it
// is, zero where there is none.
at::Tensor voxelise(const at::Tensor& features, const at::Tensor& coordinates,
                    const at::Tensor& mask, int64_t side);

// [B, P, C]: voxels [B, C, side, side, side] at the coordinates, trilinear. Exact for voxels that
// are an affine function of their position. Empty voxels count as the zeros that they hold.
at::Tensor devoxelise(const at::Tensor& voxels, const at::Tensor& coordinates);

// to_out(devoxelise(convolution(voxelise(to_in(h))))): a 3x3x3 convolution of a quarter of the
// channels, to_in and to_out linear; to_out starts at zero.
class VoxelConvolution : public torch::nn::Module {
 public:
  VoxelConvolution(int64_t channels, int64_t side);

  // h [B, P, channels], coordinates of voxel_coordinates, mask [B, P] or undefined -> h's shape
  at::Tensor forward(const at::Tensor& h, const at::Tensor& coordinates, const at::Tensor& mask);

 private:
  int64_t side_, inner_;
  torch::nn::Linear to_in_, to_out_;
  torch::nn::Conv3d convolution_;
};

}  // namespace ornstein
