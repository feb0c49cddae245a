#include "framework/evaluation/two_sample.h"

#include "framework/base/random.h"
#include "framework/evaluation/pairs.h"

namespace ornstein {
namespace {

constexpr int64_t kAtATime = 500;  // divisions in one product of matrices

// The distance of the rows marked 1 in each column of first [n + m, k] from the others, [k].
at::Tensor distances_between(const at::Tensor& pairs, const at::Tensor& first) {
  const double n = first.select(1, 0).sum().item<double>();
  const double m = static_cast<double>(first.size(0)) - n;
  const at::Tensor within_x = (first * pairs.matmul(first)).sum(0);
  const at::Tensor across = pairs.sum(1).matmul(first) - within_x;
  const at::Tensor within_y = pairs.sum() - 2 * across - within_x;
  return 2 * across / (n * m) - within_x / (n * (n - 1)) - within_y / (m * (m - 1));
}

}  // namespace

double two_sample_distance(const at::Tensor& pairs, int64_t n) {
  const int64_t m = pairs.size(0) - n;
  TORCH_CHECK(n >= 2 && m >= 2, "a distance between sets of two rows at least, not of ", n, " and ",
              m);
  const at::Tensor given = at::cat({at::ones({n, 1}, at::kDouble), at::zeros({m, 1}, at::kDouble)});
  return distances_between(pairs, given).item<double>();
}

TwoSampleTest permutation_test(const at::Tensor& pairs, int64_t n, int64_t permutations,
                               uint64_t seed) {
  TORCH_CHECK(pairs.isfinite().all().item<bool>(), "permutation_test: pairs that are not finite");
  TwoSampleTest test{two_sample_distance(pairs, n), 1};
  auto generator = make_generator(seed);
  // A division that equals the given one but for the order of additions is as far apart.
  const double rounding = 1e-12 * pairs.abs().mean().item<double>();
  int64_t as_far = 0;
  for (int64_t done = 0; done < permutations; done += kAtATime) {
    const int64_t count = std::min(kAtATime, permutations - done);
    const at::Tensor order =
        at::rand({pairs.size(0), count}, generator, at::kDouble).argsort(/*stable=*/false, 0);
    const at::Tensor divisions = (order < n).to(at::kDouble);
    as_far +=
        (distances_between(pairs, divisions) >= test.distance - rounding).sum().item<int64_t>();
  }
  test.p_value = static_cast<double>(1 + as_far) / static_cast<double>(1 + permutations);
  return test;
}

TwoSampleTest geodesic_energy_test(const Space& space, const at::Tensor& x, const at::Tensor& y,
                                   int64_t permutations, uint64_t seed) {
  const at::Tensor all = at::cat({x, y});
  return permutation_test(pair_distances(space, all, all).fill_diagonal_(0), x.size(0),
                          permutations, seed);
}

TwoSampleTest mmd_test(const Space& space, const at::Tensor& x, const at::Tensor& y, double tau,
                       int64_t permutations, uint64_t seed) {
  const at::Tensor all = at::cat({x, y});
  return permutation_test(pair_kernels(space, all, all, tau).neg().fill_diagonal_(0), x.size(0),
                          permutations, seed);
}

}  // namespace ornstein
