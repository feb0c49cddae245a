// The energy of functions f by frequency k, waves a domain. With f_k = (1/|D|) integral of f
// exp(-2 pi i k x/L), by the quadrature of the grid, the energies |f_k|^2 of k and -k add; in the
// plane those of all k whose length rounds to one number, L the domain's side along each axis.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "framework/evaluation/figure.h"
#include "framework/math/grid.h"

namespace ornstein::function_diffusion {

// The highest frequency of each axis below the Nyquist frequency of a grid of this spacing.
std::vector<int64_t> resolved_band(const Grid& grid, const std::vector<double>& spacing);

// `spectrum_error`: root of the mean over the band's frequencies, and over channels, of
// log^2(energy of samples / energy of data). samples [N, C, n(, m)], data [M, C, n(, m)].
Figure spectrum_error(const at::Tensor& samples, const at::Tensor& data, const Grid& grid,
                      const std::vector<int64_t>& band);

// `energy_outside`: the share of the samples' energy in frequencies beyond the band.
Figure energy_outside(const at::Tensor& samples, const Grid& grid,
                      const std::vector<int64_t>& band);

}  // namespace ornstein::function_diffusion
