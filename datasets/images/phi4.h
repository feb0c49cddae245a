// The scalar phi^4 field on the periodic L x L lattice, density proportional to exp(-E),
//   E(x) = beta/2 x^T (-Lap) x + sum_i (x_i^4 - (1 + 2 beta) x_i^2)
//        = sum_i (x_i^4 - x_i^2) - beta sum_<ij> x_i x_j      (every bond once),
// the physical example of Guth et al. 2022, arXiv:2208.05003: a double well at each site, order by
// the coupling beta, critical near beta = 0.68. E(-x) = E(x).
//
// Sampled by Markov chains that start disordered. One step is a Metropolis sweep over all sites,
// proposals uniform within +-kPhi4Width (half of them accepted at beta = 0.68, for every L), then
// the flip of one cluster of sites of one sign (Wolff's algorithm embedded in phi^4: Brower and
// Tamayo 1989, Phys. Rev. Lett. 62, 1087). Sweeps alone decorrelate at criticality in a time that
// grows as L^2; with clusters it is a few steps for every L here.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ornstein::images {

inline constexpr double kPhi4Width = 1.2;
inline constexpr int64_t kPhi4Chains = 200;
inline constexpr int64_t kPhi4BurnIn = 300;  // steps before a chain's first row
// Steps between its rows: their energies then correlate by 0.02 at L = 8, 0.15 at 32, 0.2 at 64.
inline constexpr int64_t kPhi4Thinning = 20;

// [rows, 1, L, L] float32. Row i is drawn by chain i mod kPhi4Chains, whose randomness is its own,
// and turned over (x -> -x) with probability 1/2: row i does not depend on `rows`.
at::Tensor sample_phi4(int64_t rows, int64_t size, double beta);

}  // namespace ornstein::images
