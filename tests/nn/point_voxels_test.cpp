#include "framework/nn/point_voxels.h"

#include <gtest/gtest.h>

#include "framework/base/random.h"

namespace ornstein {
namespace {

double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

struct PointVoxels : testing::Test {
  at::Generator generator = make_generator(1);
  const at::Tensor x = at::randn({2, 60, 3}, generator, at::kDouble);
  const at::Tensor features = at::randn({2, 60, 4}, generator, at::kDouble);
};

TEST_F(PointVoxels, CoordinatesAreCentredAndScaledPerCloud) {
  const at::Tensor coordinates = voxel_coordinates(x, {}, 9);
  EXPECT_GE(coordinates.min().item<double>(), 0);
  EXPECT_LE(coordinates.max().item<double>(), 8);
  EXPECT_LT(largest(coordinates.mean(1) - 4), 1e-10);
  const at::Tensor shift = at::tensor({3.0, -7.0, 100.0}, at::kDouble);
  EXPECT_LT(largest(voxel_coordinates(2.5 * x + shift, {}, 9) - coordinates), 1e-10);
}

TEST_F(PointVoxels, EveryOccupiedVoxelIsTheMeanOfItsPointsFeatures) {
  constexpr int64_t kSide = 4;
  const at::Tensor coordinates = voxel_coordinates(x, {}, kSide);
  const at::Tensor voxels = voxelise(features, coordinates, {}, kSide);
  const at::Tensor nearest = coordinates.round().to(at::kLong);
  int64_t occupied = 0;
  for (int64_t b = 0; b < 2; ++b) {
    for (int64_t v = 0; v < kSide * kSide * kSide; ++v) {
      const int64_t i = v / (kSide * kSide), j = v / kSide % kSide, k = v % kSide;
      const at::Tensor here = (nearest[b] == at::tensor({i, j, k})).all(1);
      const at::Tensor own = features[b].index({here});
      const at::Tensor expected =
          own.size(0) > 0 ? own.mean(0) : at::zeros({features.size(2)}, at::kDouble);
      occupied += own.size(0) > 0;
      EXPECT_LT(largest(voxels[b].select(1, i).select(1, j).select(1, k) - expected), 1e-12);
    }
  }
  EXPECT_GT(occupied, 20);
}

TEST_F(PointVoxels, DevoxelisingAFullAffineFieldIsExact) {
  const at::Tensor line = at::arange(5, at::kDouble);
  const at::Tensor nodes = at::stack(at::meshgrid({line, line, line}, "ij"), 0);  // [3, 5, 5, 5]
  const at::Tensor slopes = at::tensor({2.0, -1.0, 0.5}, at::kDouble).view({3, 1, 1, 1});
  const at::Tensor field = ((slopes * nodes).sum(0) + 3).view({1, 1, 5, 5, 5});
  const at::Tensor where = 4 * at::rand({1, 50, 3}, generator, at::kDouble);
  const at::Tensor expected = (where * slopes.view({3})).sum(2, true) + 3;
  EXPECT_LT(largest(devoxelise(field, where) - expected), 1e-5);
}

// Empty voxels hold zeros, and a point between them and its own sees less than its own constant.
TEST_F(PointVoxels, ConstantsDipNextToEmptyVoxels) {
  const at::Tensor coordinates = voxel_coordinates(x, {}, 9);
  const at::Tensor constant = at::ones({2, 60, 1}, at::kDouble);
  const at::Tensor back = devoxelise(voxelise(constant, coordinates, {}, 9), coordinates);
  EXPECT_LE(back.max().item<double>(), 1 + 1e-12);
  EXPECT_LT(back.min().item<double>(), 0.9);
  EXPECT_GT(back.min().item<double>(), 0);
  // Where all voxels around are occupied it is kept: two a side, a point at each corner.
  const at::Tensor corners =
      at::stack(at::meshgrid({at::arange(2), at::arange(2), at::arange(2)}, "ij"), -1)
          .view({1, 8, 3})
          .to(at::kDouble);
  const at::Tensor ones = voxelise(at::ones({1, 8, 1}, at::kDouble), corners, {}, 2);
  EXPECT_LT(largest(devoxelise(ones, at::rand({1, 9, 3}, generator, at::kDouble)) - 1), 1e-12);
}

TEST_F(PointVoxels, ConvolutionMovesWithThePointsAndNotWithTheirPlace) {
  seed_default_generators(3);
  VoxelConvolution convolution(4, 6);
  convolution.to(at::kDouble);
  const at::NoGradGuard no_gradients;
  for (const at::Tensor& p : convolution.parameters())
    p.copy_(at::randn(p.sizes(), generator, p.options()));
  const auto output = [&](const at::Tensor& points, const at::Tensor& h, const at::Tensor& mask) {
    return convolution.forward(h, voxel_coordinates(points, mask, 6), mask);
  };
  const at::Tensor y = output(x, features, {});
  const at::Tensor order = at::randperm(60, generator, at::kLong);
  EXPECT_LT(largest(output(x.index_select(1, order), features.index_select(1, order), {}) -
                    y.index_select(1, order)),
            1e-10);
  EXPECT_LT(largest(output(x + 11, features, {}) - y), 1e-9);
  const auto padded = [](const at::Tensor& h) {
    return at::cat({h, at::full({2, 5, h.size(2)}, 30.0, at::kDouble)}, 1);
  };
  const at::Tensor mask = (at::arange(65) < 60).expand({2, 65});
  EXPECT_LT(largest(output(padded(x), padded(features), mask).slice(1, 0, 60) - y), 1e-10);
}

}  // namespace
}  // namespace ornstein
