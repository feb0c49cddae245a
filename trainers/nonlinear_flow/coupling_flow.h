// The layers of an affine coupling flow, whose log-determinant is exact and whose inverse is as
// cheap as the map: Dinh et al. 2017, arXiv:1605.08803 (coupling, squeeze); Kingma and Dhariwal
// 2018, arXiv:1807.03039 (actnorm, invertible 1x1 convolution).
//
// Where we differ: convolutions begin as a reversal of the channels, not as a random rotation, so
// that a flow starts as a rescaled identity and a score network sees images from the first step;
// log-scales are bounded by tanh.
#pragma once

#include "trainers/nonlinear_flow/bijection.h"

namespace ornstein::nonlinear_flow {

// z = (x + bias) exp(log_scale), each channel its own; mean 0 and variance 1 on the first data.
class ActNorm final : public Bijection {
 public:
  explicit ActNorm(int64_t channels);
  Mapped forward(const at::Tensor& x, LogDet purpose, at::Generator& generator) const override;
  at::Tensor inverse(const at::Tensor& z) const override;
  std::vector<NamedTensor> parameters() const override;
  void initialise(const at::Tensor& x) override;

 private:
  at::Tensor bias_, log_scale_;  // [C]
};

// z = A x at each pixel; log |det| = H W log |det A|.
class InvertibleConvolution final : public Bijection {
 public:
  // A begins as the reversal of the channels if `reversed`, else as the identity.
  InvertibleConvolution(int64_t channels, bool reversed);
  Mapped forward(const at::Tensor& x, LogDet purpose, at::Generator& generator) const override;
  at::Tensor inverse(const at::Tensor& z) const override;
  std::vector<NamedTensor> parameters() const override;

 private:
  at::Tensor weight_;  // [C, C]: A
};

// With x = (u, v) over channels: z = (u, v exp(s) + t), where s and t are a convolutional network
// 3-1-3 of u with `hidden` channels, |s| < 2. Begins as the identity.
class AffineCoupling final : public Bijection {
 public:
  AffineCoupling(int64_t channels, int64_t hidden);
  Mapped forward(const at::Tensor& x, LogDet purpose, at::Generator& generator) const override;
  at::Tensor inverse(const at::Tensor& z) const override;
  std::vector<NamedTensor> parameters() const override;

 private:
  struct Affine {
    at::Tensor log_scale, shift;  // [B, C - C/2, H, W]
  };
  Affine conditioned(const at::Tensor& u) const;

  int64_t kept_;                            // channels of u: C/2
  at::Tensor weight1_, weight2_, weight3_;  // [out, in, k, k]
  at::Tensor bias1_, bias2_, bias3_;
};

}  // namespace ornstein::nonlinear_flow
