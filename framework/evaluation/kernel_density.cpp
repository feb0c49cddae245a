#include "framework/evaluation/kernel_density.h"

#include <limits>
#include <span>

namespace ornstein {
namespace {

constexpr double kCutoff = 49;  // exp(-49/2) is 2e-11
constexpr int64_t kMostCentres = 20000, kMostLeftOut = 1000;
constexpr int kBandwidths = 30;

// Log mean kernel of the rows of x over the centres, [n, kernels]; row i without centre
// left_out[i], if there are any to leave out.
at::Tensor log_means(const Space& space, const at::Tensor& x, const at::Tensor& centres,
                     std::span<const HeatKernelTable> kernels, std::span<const int64_t> left_out) {
  const auto count = static_cast<int64_t>(kernels.size()), m = centres.size(0);
  const double log_centres = std::log(static_cast<double>(left_out.empty() ? m : m - 1));
  at::Tensor result = at::empty({x.size(0), count}, at::kDouble);
  auto* to = result.data_ptr<double>();
  for_pairs(space, x, centres, [&](int64_t first, const at::Tensor& separations) {
    const at::Tensor squared_distances = separations.square().sum(-1);
    const int64_t k = separations.size(2);
    const auto* all = separations.const_data_ptr<double>();
    auto* all_squared = squared_distances.data_ptr<double>();
    for (int64_t row = 0; row < separations.size(0); ++row) {
      const auto* from = all + row * m * k;
      auto* squared = all_squared + row * m;
      if (!left_out.empty())
        squared[left_out[first + row]] = std::numeric_limits<double>::infinity();
      const int64_t nearest = std::min_element(squared, squared + m) - squared;
      for (int64_t which = 0; which < count; ++which) {
        const HeatKernelTable& kernel = kernels[which];
        const double reach = squared[nearest] + kCutoff * kernel.tau();
        const double largest = kernel.log_density(from + nearest * k);
        double sum = 0;
        for (int64_t j = 0; j < m; ++j)
          if (squared[j] <= reach) sum += std::exp(kernel.log_density(from + j * k) - largest);
        to[(first + row) * count + which] = largest + std::log(sum) - log_centres;
      }
    }
  });
  return result;
}

at::Tensor with_uniform(const Space& space, const at::Tensor& log_density, double epsilon) {
  if (epsilon == 0) return log_density;
  const at::Tensor kernels = log_density + std::log1p(-epsilon);  // epsilon 1: -infinity
  return at::logaddexp(kernels, at::full({}, std::log(epsilon) - space.log_volume(), at::kDouble));
}

at::Tensor evenly_spread(int64_t rows, int64_t most) {
  const int64_t count = std::min(rows, most);
  return at::floor_divide(at::arange(count, at::kLong) * rows, count);
}

double longest_time(const Space& space) {
  for (const Factor& factor : space.factors()) {
    const auto* hyperbolic = std::get_if<Hyperbolic>(&factor);
    if (hyperbolic && hyperbolic->d > 3) return 0.25;
  }
  return std::numeric_limits<double>::infinity();
}

}  // namespace

KernelDensity::KernelDensity(const Space& space, at::Tensor centres, double tau, double epsilon)
    : space_(space), centres_(std::move(centres)), kernel_(space, tau), epsilon_(epsilon) {
  TORCH_CHECK(epsilon == 0 || (space.compact() && epsilon > 0 && epsilon <= 1),
              "no uniform law of weight ", epsilon, " on the space ", space.name());
}

at::Tensor KernelDensity::log_density(const at::Tensor& x) const {
  return with_uniform(space_, log_means(space_, x, centres_, {&kernel_, 1}, {}).select(1, 0),
                      epsilon_);
}

KernelDensity fit_kernel_density(const Space& space, const at::Tensor& train) {
  TORCH_CHECK(train.size(0) >= 2, "a bandwidth is fitted to two rows at least");
  const at::Tensor centres =
      train.index_select(0, evenly_spread(train.size(0), kMostCentres).to(train.device()));
  const at::Tensor chosen = evenly_spread(centres.size(0), kMostLeftOut);
  const at::Tensor rows = centres.index_select(0, chosen.to(centres.device()));

  const double mean_square = pair_distances(space, rows, rows).square().mean().item<double>();
  double tau = mean_square / static_cast<double>(space.dimension());
  tau = std::min(tau > 0 ? tau : 1, longest_time(space));
  std::vector<HeatKernelTable> kernels;
  for (int i = 0; i < kBandwidths; ++i) kernels.emplace_back(space, std::ldexp(tau, -i));

  const at::Tensor logs =
      log_means(space, rows, centres, kernels,
                {chosen.const_data_ptr<int64_t>(), static_cast<size_t>(chosen.size(0))});
  double best = -std::numeric_limits<double>::infinity(), best_tau = tau, best_epsilon = 0;
  for (const double epsilon :
       space.compact() ? std::vector{0.01, 0.03, 0.1, 0.3} : std::vector{0.0}) {
    const auto [value, which] = with_uniform(space, logs, epsilon).mean(0).max(0);
    if (value.item<double>() <= best) continue;
    best = value.item<double>();
    best_tau = kernels[which.item<int64_t>()].tau();
    best_epsilon = epsilon;
  }
  return {space, centres, best_tau, best_epsilon};
}

}  // namespace ornstein
