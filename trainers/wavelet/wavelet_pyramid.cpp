#include "trainers/wavelet/wavelet_pyramid.h"

namespace ornstein::wavelet {

WaveletPyramid::WaveletPyramid(Wavelet wavelet, int64_t levels, int64_t channels)
    : wavelet_(std::move(wavelet)), channels_(channels) {
  for (int64_t scale = 1; scale <= levels; ++scale)
    moments_.push_back(
        {at::zeros({4 * channels}, at::kDouble), at::ones({4 * channels}, at::kDouble)});
}

std::vector<WaveletBands> WaveletPyramid::transform(at::Tensor x) const {
  std::vector<WaveletBands> bands;
  for (int64_t scale = 1; scale <= levels(); ++scale) {
    bands.push_back(wavelet_forward(wavelet_, x));
    x = bands.back().low;
  }
  return bands;
}

std::vector<WaveletBands> WaveletPyramid::analyse(const at::Tensor& x) const {
  std::vector<WaveletBands> bands = transform(x);
  for (int64_t scale = 1; scale <= levels(); ++scale) {
    WaveletBands& b = bands[scale - 1];
    b = {standardise(low(scale), b.low), standardise(details(scale), b.details)};
  }
  return bands;
}

at::Tensor WaveletPyramid::synthesise(int64_t scale, const WaveletBands& bands) const {
  const at::Tensor finer = wavelet_inverse(
      wavelet_,
      {unstandardise(low(scale), bands.low), unstandardise(details(scale), bands.details)});
  return scale > 1 ? standardise(low(scale - 1), finer) : finer;
}

at::Tensor WaveletPyramid::log_det(const std::vector<WaveletBands>& bands) const {
  at::Tensor sum = standardise_log_det(low(levels()), bands.back().low);
  for (int64_t scale = 1; scale <= levels(); ++scale)
    sum = sum + standardise_log_det(details(scale), bands[scale - 1].details);
  return sum;
}

at::Tensor WaveletPyramid::band_sums(const at::Tensor& x) const {
  std::vector<at::Tensor> sums;
  for (const WaveletBands& b : transform(x.to(at::kDouble)))
    sums.insert(sums.end(), {power_sums(b.low), power_sums(b.details)});
  return at::cat(sums, 1);
}

void WaveletPyramid::set_moments(const at::Tensor& band_sums, double added) {
  const Moments all = moments_from(band_sums, added);
  for (int64_t scale = 1; scale <= levels(); ++scale) {
    const Moments measured = all.narrow((scale - 1) * 4 * channels_, 4 * channels_);
    moments_[scale - 1].mean.copy_(measured.mean);
    moments_[scale - 1].std.copy_(measured.std);
  }
}

std::vector<NamedTensor> WaveletPyramid::state() const {
  std::vector<NamedTensor> state;
  for (int64_t scale = 1; scale <= levels(); ++scale) {
    state.push_back({fmt::format("mean_{}", scale), moments_[scale - 1].mean});
    state.push_back({fmt::format("std_{}", scale), moments_[scale - 1].std});
  }
  return state;
}

}  // namespace ornstein::wavelet
