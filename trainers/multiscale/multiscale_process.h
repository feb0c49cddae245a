// Non-uniform diffusion of Haar blocks, each with its own clock and end time (Batzolis et al. 2022,
// arXiv:2207.09786, sec. 4). Blocks k = 1..S from fine to coarse, d_1, ..., d_{S-1}, a_{S-1}; block
// k is variance preserving with a log-SNR linear in t, from +10 at t = 1e-3 to -10 at T_k = k/S. In
// the interval I_k = [(k-1)/S, k/S] the finer blocks are pure noise and dropped: what is left is an
// image of 1/2^{k-1} the size, and network k sees only that.
//
// The state of interval k is that image's haar_blocks layout, each block divided by its standard
// deviation, in the coordinates of framework/diffusion: y = x_t/alpha_t, levels sigma_t/alpha_t
// divided by the same deviation. S = 1 is uniform diffusion on log_snr_path().
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "framework/diffusion/gaussian_path.h"
#include "framework/diffusion/standard_diffusion.h"

namespace ornstein::multiscale {

inline constexpr double kLogSnr = 10;  // of every block at its beginning, minus it at its end

class MultiscaleProcess {
 public:
  // Of standardised images [B, channels, height, width], sizes multiples of 2^(scales-1).
  MultiscaleProcess(int64_t scales, int64_t channels, int64_t height, int64_t width);

  int64_t scales() const { return std::ssize(clocks_); }
  std::vector<int64_t> shape(int64_t k) const;              // [C, h, w] of interval k's state
  int64_t levels(int64_t k) const { return scales() - k; }  // of Haar in that state

  double end_time(int64_t k) const { return static_cast<double>(k) / scales(); }  // T_k
  double begin(int64_t k) const;  // of I_k; I_1 begins at 1e-3
  const GaussianPath& clock(int64_t k) const { return clocks_[k - 1]; }
  // -dl_k/dt > 0, the constant 20/(T_k - 1e-3): g_k^2 = sigma_k^2 times this.
  double log_snr_rate(int64_t k) const;

  // Standard deviations [S] float64 of the blocks of standardised images, in the order of k.
  at::Tensor deviations() const { return deviations_; }

  // Standardised images -> state of interval k, noise free; and back to the image of that size,
  // which for k = 1 is the standardised image.
  at::Tensor state_of(int64_t k, const at::Tensor& x) const;
  at::Tensor image_of(int64_t k, const at::Tensor& state) const;

  // One value a block k..S, [..., S-k+1] -> [..., 1, h, w] on the layout of interval k.
  at::Tensor spread(int64_t k, const at::Tensor& of_blocks) const;

  // Noise levels at t [n] (in I_k), [n, 1, h, w], t's type.
  at::Tensor sigmas(int64_t k, const at::Tensor& t) const;

  // A sampler's levels through I_k in equal steps of t, [steps + 1, 1, h, w] float64. Interval 1
  // ends in the data, the others at the noise with which interval k - 1 begins.
  at::Tensor sampling_sigmas(int64_t k, int64_t steps) const;

 private:
  std::vector<GaussianPath> clocks_;  // of block 1, 2, ...
  int64_t channels_, height_, width_;
  at::Tensor deviations_;
};

// Samples: standardised images [rows, C, H, W], `steps` equal steps in each interval from S to 1.
// denoisers[k-1] is that of interval k's state. At a junction the state is handed over with its
// noise, and the next finer block joins as pure noise.
at::Tensor sample_multiscale(const MultiscaleProcess& process, const Sampler& sampler,
                             const std::vector<Denoiser>& denoisers, int64_t rows, int64_t steps,
                             at::Generator& generator);

}  // namespace ornstein::multiscale
