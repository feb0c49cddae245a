// Images as a density model sees them: framed to the size that a network needs, and, if they are of
// 256 grey levels, spread over those levels.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ornstein {

// Pads images evenly on all sides with a constant, and cuts them out again.
struct ImageFrame {
  int64_t height = 0, width = 0;  // of the data
  int64_t multiple = 1;           // padded sizes are the next multiples of this
  double background = -1;         // the constant, in the data's unit

  int64_t padded_height() const { return (height + multiple - 1) / multiple * multiple; }
  int64_t padded_width() const { return (width + multiple - 1) / multiple * multiple; }
  at::Tensor pad(const at::Tensor& x) const;  // [B, C, height, width] -> padded
  at::Tensor cut(const at::Tensor& x) const;  // its inverse

  // Nats [n] of padded and dequantised images -> bits a dimension of the images [n], an upper bound
  // since the frame is paid for: (nll - D log kGreyLevel)/(d log 2), D and d with and without
  // frame.
  at::Tensor bits_per_dimension(const at::Tensor& nll, int64_t channels) const;
};

// The distance of two of 256 grey levels scaled to [-1, 1].
inline constexpr double kGreyLevel = 2.0 / 255;

// Where x [...] is not on a grey level (or beyond [-1, 1]): 1, else 0; x's type.
at::Tensor off_grey_levels(const at::Tensor& x);

// x plus uniform noise of one grey level's width where `grey` (a number of x's device) is 1, x
// itself where it is 0. A density of the result then bounds the probability of the levels: by
// Jensen,
//   -log P(x) <= E[-log p(x + noise)] - d log(kGreyLevel)      (Theis et al. 2016,
//   arXiv:1511.01844)
at::Tensor dequantise(const at::Tensor& x, const at::Tensor& grey, at::Generator& generator);

// The variance of that noise: orthonormal transforms keep it.
inline constexpr double kDequantisationVariance = kGreyLevel * kGreyLevel / 12;

}  // namespace ornstein
