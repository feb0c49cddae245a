// Batches of clouds: x [B, P, D], and where they are ragged mask [B, P], true where a point is.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>

#include "framework/base/batch.h"
#include "framework/diffusion/losses.h"

namespace ornstein::point_cloud {

// x -> (x - mean)/scale: one scale for all axes, so that shapes keep their proportions. The mean
// square over points and axes is then 1.
struct CloudScale {
  at::Tensor mean;   // [D] float64, the data's unit
  at::Tensor scale;  // [1] float64, the data's unit

  at::Tensor standardise(const at::Tensor& x) const;  // [B, P, D], of any floating type, kept
  at::Tensor unstandardise(const at::Tensor& x) const;
};

// Sums of several parts add: [3, D] float64, of which scale_from makes the scale of all points.
at::Tensor point_sums(const Batch& clouds);
CloudScale scale_from(const at::Tensor& sums);

// How many points clouds have: samples are drawn with sizes of that law.
struct CloudSizes {
  at::Tensor counts;  // [classes, P] float64: of the training clouds of a class (of all, without
                      // classes: one row), how many have 1, ..., P points

  bool ragged() const;  // not all have P

  // [B, P] bool, true at a random number of first points; labels [B], or undefined without classes.
  at::Tensor draw(int64_t clouds, const at::Tensor& labels, at::Generator& generator) const;
};
at::Tensor count_sizes(const Batch& clouds, int64_t classes);  // CloudSizes::counts, to be added up

// Residuals [B, P, D] -> [B]: the mean square over the points of each cloud and the axes. A cloud
// counts for as much as any other, however many points it has.
RowNorm mean_square_of_points(const at::Tensor& mask);

// `points` of each cloud's points drawn without replacement, in random order; all of them, in that
// order, where a cloud has fewer: the rest is then masked. The batch itself if P <= points.
Batch some_points(const Batch& clouds, int64_t points, at::Generator& generator);

// [B, points, D]: the same, but where a cloud has fewer, each of them again, as often as any other
// up to one.
at::Tensor exactly_points(const Batch& clouds, int64_t points, at::Generator& generator);

}  // namespace ornstein::point_cloud
