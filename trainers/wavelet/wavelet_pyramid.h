// Images as standardised wavelet bands, coarse to fine, and back (Guth et al. 2022,
// arXiv:2208.05003, sec. 3): (low_j, details_j) = W low_{j-1} with low_0 the image and W
// orthonormal, each channel of each band standardised by its own mean and standard deviation over
// the training set. Every band then has variance 1, so that one set of noise levels suits all
// scales.
#pragma once

#include <vector>

#include "framework/base/batch.h"
#include "framework/math/moments.h"
#include "framework/math/wavelet.h"

namespace ornstein::wavelet {

class WaveletPyramid {
 public:
  WaveletPyramid(Wavelet wavelet, int64_t levels, int64_t channels);

  int64_t levels() const { return static_cast<int64_t>(moments_.size()); }

  // Standardised bands of scales 1..levels (index 0 is scale 1). x [B, C, H, W], H and W multiples
  // of 2^levels; low [B, C, H/2^j, W/2^j], details [B, 3C, H/2^j, W/2^j].
  std::vector<WaveletBands> analyse(const at::Tensor& x) const;

  // One step up: the standardised bands of scale j give the low-pass of scale j - 1, standardised
  // by that scale's own statistics for j > 1, the image itself for j = 1.
  at::Tensor synthesise(int64_t scale, const WaveletBands& bands) const;

  // log |det| of image -> (low of the last scale, details of all scales), for an image of the size
  // that `bands` came from. Scalar, float64.
  at::Tensor log_det(const std::vector<WaveletBands>& bands) const;

  // power_sums of all unstandardised bands, [3, 4 C levels]: scale by scale, low before details.
  at::Tensor band_sums(const at::Tensor& x) const;
  // Sets the statistics, in place. `added`: see moments_from.
  void set_moments(const at::Tensor& band_sums, double added);

  std::vector<NamedTensor> state() const;  // "mean_1", "std_1", ... [4C]: low before details

 private:
  std::vector<WaveletBands> transform(at::Tensor x) const;
  Moments low(int64_t scale) const { return moments_[scale - 1].narrow(0, channels_); }
  Moments details(int64_t scale) const {
    return moments_[scale - 1].narrow(channels_, 3 * channels_);
  }

  Wavelet wavelet_;
  int64_t channels_;
  std::vector<Moments> moments_;  // of scale 1, 2, ...
};

}  // namespace ornstein::wavelet
