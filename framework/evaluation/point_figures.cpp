#include "framework/evaluation/point_figures.h"

#include "framework/evaluation/duplicates.h"
#include "framework/evaluation/kernel_density.h"
#include "framework/evaluation/pairs.h"
#include "framework/evaluation/two_sample.h"

namespace ornstein {
namespace {

constexpr int64_t kMostRows = 1000, kPermutations = 999;

}  // namespace

std::vector<Figure> point_figures(const Space& space, const at::Tensor& samples,
                                  const at::Tensor& held_out, const at::Tensor& train) {
  const at::Tensor x = samples.slice(0, 0, kMostRows), y = held_out.slice(0, 0, kMostRows);
  const bool separable = has_separable_kernel(space);
  std::vector<Figure> figures;
  const auto add_test = [&](const char* distance, const char* p_value, const TwoSampleTest& test) {
    figures.push_back({distance, test.distance, 0, ""});
    figures.push_back({p_value, test.p_value, 0, ""});
  };
  const bool sets = x.size(0) > 1 && y.size(0) > 1;
  if (sets)
    add_test("energy_distance", "energy_p_value", geodesic_energy_test(space, x, y, kPermutations));
  if (sets && separable) {
    const at::Tensor pooled = at::cat({x, y});
    const double width = pair_distances(space, pooled, pooled).median().item<double>() / 4;
    // All rows but a few are one: any width tells them apart.
    const double tau = width > 0 ? width * width : 1;
    add_test("mmd_squared", "mmd_p_value", mmd_test(space, x, y, tau, kPermutations));
  }
  if (space.compact()) figures.push_back({"nll_uniform", space.log_volume(), 0, "nats"});
  if (!train.defined()) return figures;
  if (separable && train.size(0) > 1) {
    const KernelDensity density = fit_kernel_density(space, train);
    figures.push_back(mean_figure("nll_kernel_density", -density.log_density(held_out), "nats"));
    figures.push_back({"kernel_density_bandwidth", density.bandwidth(), 0, ""});
  }
  figures.push_back(duplicates_figure(held_out, train));
  return figures;
}

}  // namespace ornstein
