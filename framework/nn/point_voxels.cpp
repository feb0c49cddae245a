#include "framework/nn/point_voxels.h"

#include "framework/nn/zero_init.h"

namespace ornstein {
namespace {

at::Tensor weights_of(const at::Tensor& x, const at::Tensor& mask) {  // [B, P, 1], 1 of points
  return mask.defined() ? mask.unsqueeze(2).to(x.scalar_type()) : at::ones_like(x.narrow(2, 0, 1));
}

}  // namespace

at::Tensor voxel_coordinates(const at::Tensor& x, const at::Tensor& mask, int64_t side) {
  TORCH_CHECK(x.dim() == 3 && x.size(2) == 3, "voxels are of points [B, P, 3], not ", x.sizes());
  const at::Tensor weight = weights_of(x, mask);
  const at::Tensor centred = x - (weight * x).sum(1, true) / weight.sum(1, true);
  const at::Tensor radius = (weight * centred.norm(2, 2, true)).amax(1, true);
  const at::Tensor scaled = centred / (2 * radius).clamp_min(1e-6) + 0.5;
  return (scaled * (side - 1)).clamp(0, side - 1);
}

at::Tensor voxelise(const at::Tensor& features, const at::Tensor& coordinates,
                    const at::Tensor& mask, int64_t side) {
  const int64_t rows = features.size(0), voxels = side * side * side;
  const at::Tensor nearest = coordinates.round().to(at::kLong);
  const at::Tensor strides = at::tensor({side * side, side, int64_t{1}}, nearest.options());
  const at::Tensor first = voxels * at::arange(rows, nearest.options()).unsqueeze(1);
  const at::Tensor voxel = ((nearest * strides).sum(2) + first).flatten();  // [B P]
  const at::Tensor weight = weights_of(features, mask);
  const at::Tensor sums = at::zeros({rows * voxels, features.size(2)}, features.options())
                              .index_add(0, voxel, (weight * features).flatten(0, 1));
  const at::Tensor counts =
      at::zeros({rows * voxels, 1}, features.options()).index_add(0, voxel, weight.flatten(0, 1));
  return (sums / counts.clamp_min(1))
      .view({rows, side, side, side, -1})
      .permute({0, 4, 1, 2, 3})
      .contiguous();
}

at::Tensor devoxelise(const at::Tensor& voxels, const at::Tensor& coordinates) {
  const double last = static_cast<double>(voxels.size(2)) - 1;
  // grid_sampler's axes run the other way, from -1 to 1.
  const at::Tensor grid = (2 / last * coordinates - 1).flip(2).unsqueeze(2).unsqueeze(2);
  constexpr int64_t kTrilinear = 0, kBorder = 1;
  return at::grid_sampler(voxels.to(grid.scalar_type()), grid, kTrilinear, kBorder,
                          /*align_corners=*/true)
      .flatten(2)
      .transpose(1, 2);
}

VoxelConvolution::VoxelConvolution(int64_t channels, int64_t side)
    : side_(side),
      inner_(std::max<int64_t>(1, channels / 4)),
      to_in_(register_module("to_in", torch::nn::Linear(channels, inner_))),
      to_out_(register_module("to_out", zeroed(torch::nn::Linear(inner_, channels)))),
      convolution_(register_module(
          "convolution",
          torch::nn::Conv3d(torch::nn::Conv3dOptions(inner_, inner_, 3).padding(1)))) {
  TORCH_CHECK(side >= 2, "a grid of voxels has a side of 2 or more, not ", side);
}

at::Tensor VoxelConvolution::forward(const at::Tensor& h, const at::Tensor& coordinates,
                                     const at::Tensor& mask) {
  const at::Tensor voxels = convolution_(voxelise(to_in_(h), coordinates, mask, side_));
  return to_out_(devoxelise(voxels, coordinates));
}

}  // namespace ornstein
