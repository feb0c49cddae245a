// The function space as one grid shows it: the noise N(0, C) of the forward process, and the norm
// that a loss takes of its residuals e, functions of standardised values. Per row, channels
// averaged, |D| the domain's size:
//
//   loss            |e|^2                                          finite on ever finer grids
//   l2              (1/|D|) integral of e^2                        for any e
//   spectral        sum_{k <= terms} <e, phi_k>^2 / lambda_k       for any e
//   sobolev         (1/|D|) integral of e^2 + l^2 |grad e|^2       for e with a gradient
//   cameron_martin  |C^{-1/2} e|^2 = e^T K^{-1} e                  for e in C's Cameron-Martin
//   space
//
// Kerrigan, Ley and Smyth 2023 (arXiv:2212.00886, sec. 4): the Kullback-Leibler divergence of the
// reverse kernels is the last one's, of the noise's error, and `spectral` is its expansion cut off.
// A draw of the noise is never in its Cameron-Martin space (the norm is then the number of points),
// and has a gradient only if the kernel is smooth. So a residual that still holds noise has no such
// norm; only the prediction x0, whose residual is F - u_0, leaves none behind.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <optional>

#include "framework/base/batch.h"
#include "framework/config/config_reader.h"
#include "framework/diffusion/prediction.h"
#include "framework/math/gaussian_field.h"
#include "framework/math/grid.h"
#include "framework/math/karhunen_loeve.h"

namespace ornstein::function_diffusion {

enum class Norm { l2, spectral, sobolev, cameron_martin };

struct SpaceSettings {
  Kernel noise;               // of standardised functions; lengths in the coordinates' unit
  Norm norm = Norm::l2;       // of losses
  int64_t terms = 64;         // of spectral
  double sobolev_length = 0;  // l of sobolev, in the coordinates' unit
};

// Reads `noise` {`kernel`, `length`, `nu`, `variance`}, `loss`, and what the loss has: `terms` or
// `sobolev_length`. ConfigError for white noise with another loss than l2.
SpaceSettings read_space(const ConfigReader& trainer, const DataSpec& spec);

// ConfigError if the norm of a residual under this prediction grows without end as the grid is
// refined.
void refuse_divergent(const ConfigReader& trainer, const SpaceSettings& settings,
                      Prediction prediction);

class FunctionSpace {
 public:
  // Coordinates [n, 1] or [n, m, 2], the product of sorted axes; ConfigError otherwise, and where
  // the noise has no factor on this grid.
  FunctionSpace(const SpaceSettings& settings, const at::Tensor& coordinates);

  const at::Tensor& coordinates() const { return coordinates_; }
  const Grid& grid() const { return grid_; }
  const Kernel& noise() const { return noise_; }
  const GaussianField& field() const { return field_; }
  const at::Tensor& shares() const { return shares_; }  // [n(, m)] float64: of the domain, sum 1

  // N(0, C), independent rows and channels: [B, C, n(, m)], of `like`'s shape and type.
  at::Tensor draw(const at::Tensor& like, at::Generator& generator) const;

  at::Tensor squared_norm(const at::Tensor& e) const;  // [B, C, n(, m)] -> [B], differentiable

  // K g, [B, C, n(, m)], g's type. Not within at::InferenceMode.
  at::Tensor covariance(const at::Tensor& g) const;

 private:
  const Norm norm_;
  const double sobolev_length_;
  const int64_t terms_;
  const Kernel noise_;
  const at::Tensor coordinates_;
  const Grid grid_;
  const GaussianField field_;
  mutable std::optional<MercerNorm> mercer_;  // a memo: made by the first loss, sampling needs none
  at::Tensor shares_;
  double size_ = 0;  // |D|, the sum of the quadrature's weights
};

}  // namespace ornstein::function_diffusion
