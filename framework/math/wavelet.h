// One level of the orthonormal, periodised, separable 2-D wavelet transform. With low-pass taps h
// and the quadrature mirror g_k = (-1)^k h_{K-1-k}, along each axis
//   low_n = sum_k h_k x_{2n+k},   high_n = sum_k g_k x_{2n+k},   indices modulo the (even) size.
// Orthonormal: energy is kept, white noise stays white, the inverse is the transpose, and a
// constant image of value 1 has low-pass 2. Daubechies 1992, "Ten lectures on wavelets", ch. 6;
// Mallat 1989. A pyramid is a loop: transform `low` again.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace ornstein {

struct Wavelet {
  std::vector<double> low_pass;  // h, an even number of taps; sum sqrt(2), sum of squares 1
};

Wavelet haar();
Wavelet db4();  // four vanishing moments, eight taps: polynomials of degree 3 have no details

// Channel 3c + k of `details` holds detail k of image channel c: k = 0 horizontal (high-pass along
// the height: horizontal edges), 1 vertical (high-pass along the width), 2 diagonal (both).
struct WaveletBands {
  at::Tensor low;      // [B, C, H/2, W/2], the unit of x times 2 on constant images
  at::Tensor details;  // [B, 3C, H/2, W/2]
};

// x [B, C, H, W], H and W even, any floating type; differentiable. The bands share x's type.
WaveletBands wavelet_forward(const Wavelet& wavelet, const at::Tensor& x);

// The x [B, C, H, W] with these bands.
at::Tensor wavelet_inverse(const Wavelet& wavelet, const WaveletBands& bands);

}  // namespace ornstein
