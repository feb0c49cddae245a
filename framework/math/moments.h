// Mean and standard deviation of each channel (axis 1), from sums that may be gathered in parts.
#pragma once

#include <ATen/core/Tensor.h>

namespace ornstein {

struct Moments {
  at::Tensor mean, std;  // [C] float64, the data's unit

  Moments narrow(int64_t first, int64_t channels) const {  // views
    return {mean.narrow(0, first, channels), std.narrow(0, first, channels)};
  }
};

// Count, sum and sum of squares over all axes but 1: x [B, C, ...] -> [3, C] float64. Sums of
// several parts add, those of several channels join along axis 1.
at::Tensor power_sums(const at::Tensor& x);

// `added` is the variance of independent noise of mean 0 that the sums have not seen. A constant
// channel has std 1.
Moments moments_from(const at::Tensor& sums, double added = 0);

// (x - mean)/std and its inverse, x [B, C, ...] of any floating type, which is kept.
at::Tensor standardise(const Moments& moments, const at::Tensor& x);
at::Tensor unstandardise(const Moments& moments, const at::Tensor& x);

// log |det| of `standardise` on one row of x [B, C, ...]: - sum of log std. Scalar, float64.
at::Tensor standardise_log_det(const Moments& moments, const at::Tensor& x);

}  // namespace ornstein
