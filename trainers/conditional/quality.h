// How near one image is to another.
#pragma once

#include <ATen/core/Tensor.h>

namespace ornstein::conditional {

// Peak signal-to-noise ratio in dB, 10 log10(peak^2 / mean (a - b)^2) of each row. a, b [B, ...] ->
// [B] float64; infinite for equal rows.
at::Tensor psnr(const at::Tensor& a, const at::Tensor& b, double peak);

inline constexpr int64_t kSsimWindow = 11;

// Structural similarity, Wang, Bovik, Sheikh & Simoncelli 2004 (IEEE TIP 13), eq. 13: means,
// variances and covariance in Gaussian windows of 11 pixels and deviation 1.5, K1 = 0.01,
// K2 = 0.03; mean over the windows that lie inside the image, and over channels. a, b [B, C, H, W],
// H and W >= kSsimWindow, values spanning `range` -> [B] float64.
at::Tensor ssim(const at::Tensor& a, const at::Tensor& b, double range);

}  // namespace ornstein::conditional
