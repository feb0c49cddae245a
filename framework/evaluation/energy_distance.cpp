#include "framework/evaluation/energy_distance.h"

#include "framework/base/random.h"

namespace ornstein {
namespace {

constexpr int64_t kAtATime = 500;  // divisions in one product of matrices

// |a_i - a_j| of the pooled rows, [n + m, n + m] float64.
at::Tensor pooled_distances(const at::Tensor& x, const at::Tensor& y) {
  TORCH_CHECK(x.size(0) >= 2 && y.size(0) >= 2 && x.sizes().slice(1) == y.sizes().slice(1),
              "an energy distance is between sets of two rows at least, of one size, not ",
              x.sizes(), " and ", y.sizes());
  const at::Tensor all = at::cat({x, y}).flatten(1).to(at::kCPU, at::kDouble);
  return at::cdist(all, all, 2, /*compute_mode=*/2);  // 2: no squares that cancel
}

// The distance of the rows marked 1 in each column of first [n + m, k] from the others, [k].
at::Tensor distances_between(const at::Tensor& pooled, const at::Tensor& first) {
  const double n = first.select(1, 0).sum().item<double>();
  const double m = static_cast<double>(first.size(0)) - n;
  const at::Tensor within_x = (first * pooled.matmul(first)).sum(0);
  const at::Tensor across = pooled.sum(1).matmul(first) - within_x;
  const at::Tensor within_y = pooled.sum() - 2 * across - within_x;
  return 2 * across / (n * m) - within_x / (n * (n - 1)) - within_y / (m * (m - 1));
}

at::Tensor as_given(int64_t n, int64_t m) {
  return at::cat({at::ones({n, 1}, at::kDouble), at::zeros({m, 1}, at::kDouble)});
}

}  // namespace

double energy_distance(const at::Tensor& x, const at::Tensor& y) {
  return distances_between(pooled_distances(x, y), as_given(x.size(0), y.size(0))).item<double>();
}

EnergyTest energy_test(const at::Tensor& x, const at::Tensor& y, int64_t permutations,
                       uint64_t seed) {
  const at::Tensor pooled = pooled_distances(x, y);
  const at::Tensor given = as_given(x.size(0), y.size(0));
  EnergyTest test{distances_between(pooled, given).item<double>(), 1};
  auto generator = make_generator(seed);
  // A division that equals the given one but for the order of additions is as far apart.
  const double rounding = 1e-12 * pooled.mean().item<double>();
  int64_t as_far = 0;
  for (int64_t done = 0; done < permutations; done += kAtATime) {
    const int64_t count = std::min(kAtATime, permutations - done);
    const at::Tensor order =
        at::rand({pooled.size(0), count}, generator, at::kDouble).argsort(/*stable=*/false, 0);
    const at::Tensor divisions = (order < x.size(0)).to(at::kDouble);
    as_far +=
        (distances_between(pooled, divisions) >= test.distance - rounding).sum().item<int64_t>();
  }
  test.p_value = static_cast<double>(1 + as_far) / static_cast<double>(1 + permutations);
  return test;
}

}  // namespace ornstein
