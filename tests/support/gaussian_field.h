// Stationary periodic Gaussian fields on an L x L grid, and what one Haar level makes of them: at
// every coarse frequency q a 4 x 4 covariance of the bands (low, horizontal, vertical, diagonal),
//   S_cd(q) = 1/4 sum_p G_c(k_p) conj(G_d(k_p)) P(k_p),   k_p = q + (L/2) p,  p in {0,1}^2,
// G_c(k) = sum_m f_c(m) exp(i k m). With it plain and wavelet score models of such fields are known
// exactly (Guth et al. 2022, arXiv:2208.05003, sec. 3), without matrices larger than 4 x 4.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "framework/diffusion/denoiser.h"

namespace ornstein {

// P(k) proportional to 1/(k0^eta + |k|^eta), k0 = 2 pi/L, of mean 1 (so is the field's variance).
// [L, L] float64 in the order of an FFT; E|fft(x)|^2 = L^2 P.
at::Tensor power_law(int64_t size, double eta);

// One level, bands divided by their standard deviations.
struct HaarLevel {
  at::Tensor filters;       // G [n, 4 (p), 4 (band)] complex, n = (L/2)^2 coarse frequencies
  at::Tensor low_power;     // [L/2, L/2], of the low-pass as it is, not divided
  at::Tensor deviations;    // [4], the bands' standard deviations
  at::Tensor regression;    // A [n, 3] complex: E[details | low] = A low
  at::Tensor eigenvalues;   // lambda [n, 3] of the details' covariance given the low-pass
  at::Tensor eigenvectors;  // U [n, 3, 3] complex
};
HaarLevel haar_level(const at::Tensor& power);

// Independent scalar Gaussians N(mu, lambda), `count` of each, mu of mean square `mean_square`.
struct Modes {
  at::Tensor lambda, mean_square, count;  // [m] float64 each
};
Modes plain_modes(const at::Tensor& power);  // of the field itself
Modes wavelet_modes(
    const at::Tensor& power);  // of the pyramid down to 2 x 2, bands given low-passes

// KL(true || sampled) over all modes divided by their number, nats a dimension, of the reverse
// Euler-Maruyama sampler with exact scores.
double divergence_per_dimension(const Modes& modes, int64_t steps);

// Exact denoisers: of the field of spectrum P, y [B, 1, L, L]; and of the standardised details
// [B, 3, L/2, L/2] given the standardised low-pass [B, 1, L/2, L/2].
Denoiser field_denoiser(const at::Tensor& power);
Denoiser detail_denoiser(const HaarLevel& level, const at::Tensor& low);

}  // namespace ornstein
