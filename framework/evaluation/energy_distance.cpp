#include "framework/evaluation/energy_distance.h"

namespace ornstein {
namespace {

// |a_i - a_j| of the pooled rows, [n + m, n + m] float64.
at::Tensor pooled_distances(const at::Tensor& x, const at::Tensor& y) {
  TORCH_CHECK(x.size(0) >= 2 && y.size(0) >= 2 && x.sizes().slice(1) == y.sizes().slice(1),
              "an energy distance is between sets of two rows at least, of one size, not ",
              x.sizes(), " and ", y.sizes());
  const at::Tensor all = at::cat({x, y}).flatten(1).to(at::kCPU, at::kDouble);
  return at::cdist(all, all, 2, /*compute_mode=*/2);  // 2: no squares that cancel
}

}  // namespace

double energy_distance(const at::Tensor& x, const at::Tensor& y) {
  return two_sample_distance(pooled_distances(x, y), x.size(0));
}

TwoSampleTest energy_test(const at::Tensor& x, const at::Tensor& y, int64_t permutations,
                          uint64_t seed) {
  return permutation_test(pooled_distances(x, y), x.size(0), permutations, seed);
}

}  // namespace ornstein
