// Stationary Gaussian fields on the periodic L x L grid with a power-law spectrum (Guth et al.
// 2022, arXiv:2208.05003, sec. 3):
//   P(k) proportional to 1/(k0^eta + |k|^eta),  k0 = 2 pi/L,  mean of P over the grid = 1,
// so that every pixel has variance 1. The covariance is diagonal in the Fourier basis with
// eigenvalues P(k), which gives the density in closed form. eta = 0 is white noise, 1.75 is near
// the phi^4 field at its transition, 3 near photographs.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ornstein::images {

// P, [L, L] float64 in the order of an FFT: E|fft2(x)|^2 = L^2 P.
at::Tensor power_law(int64_t size, double eta);

// [rows, 1, L, L] float32. Row i depends on P and i alone.
at::Tensor sample_gaussian_field(int64_t rows, const at::Tensor& power);

// log density of x [b, 1, L, L], nats -> [b] float64.
at::Tensor gaussian_field_log_density(const at::Tensor& x, const at::Tensor& power);

}  // namespace ornstein::images
