#include "framework/evaluation/graph_figures.h"

#include "framework/evaluation/graph_statistics.h"

namespace ornstein {
namespace {

constexpr int64_t kBins = 100;  // of clustering coefficients

// Rows of one tensor a graph.
struct Statistics {
  at::Tensor degree;      // [N, n] float64: cumulated shares of nodes of degree 0, 1, ...
  at::Tensor clustering;  // [N, kBins] float64: the same by coefficient
  at::Tensor orbit;       // [N, kOrbits] float64: means over nodes
};

at::Tensor cumulated(const at::Tensor& values, int64_t bins) {
  const at::Tensor counts = at::bincount(values, {}, bins).to(at::kDouble);
  return counts.cumsum(0) / static_cast<double>(values.numel());
}

Statistics statistics_of(const at::Tensor& rows) {
  const int64_t nodes = nodes_of_upper_triangle(rows.size(1));
  TORCH_CHECK(nodes > 0, "rows of ", rows.size(1), " numbers are no graphs' upper triangles");
  std::vector<at::Tensor> degree, coefficients, orbit;
  for (int64_t i = 0; i < rows.size(0); ++i) {
    const at::Tensor graph = adjacency_without_isolated(rows[i]);
    // The margin keeps shares that are multiples of 1/100 in their bin, whatever their rounding.
    const at::Tensor bins = (clustering(graph) * kBins + 1e-9).to(at::kLong).clamp_max(kBins - 1);
    degree.push_back(cumulated(degrees(graph), nodes));
    coefficients.push_back(cumulated(bins, kBins));
    orbit.push_back(orbit_counts(graph).to(at::kDouble).mean(0));
  }
  return {at::stack(degree), at::stack(coefficients), at::stack(orbit)};
}

// In one dimension the earth mover's distance is that of the cumulated shares in the norm of order
// 1; hence rows are compared in the norm of order `norm`.
double squared_mmd(const at::Tensor& x, const at::Tensor& y, double norm, double width) {
  const auto mean_kernel = [&](const at::Tensor& a, const at::Tensor& b) {
    return at::cdist(a, b, norm, /*compute_mode=*/2)
        .square()
        .div(-2 * width * width)
        .exp()
        .mean()
        .item<double>();
  };
  return mean_kernel(x, x) + mean_kernel(y, y) - 2 * mean_kernel(x, y);
}

}  // namespace

std::vector<Figure> graph_figures(const at::Tensor& samples, const at::Tensor& held_out) {
  const Statistics x = statistics_of(samples), y = statistics_of(held_out);
  return {
      {"degree_mmd", squared_mmd(x.degree, y.degree, 1, 1), 0, ""},
      {"clustering_mmd", squared_mmd(x.clustering / kBins, y.clustering / kBins, 1, 0.1), 0, ""},
      {"orbit_mmd", squared_mmd(x.orbit, y.orbit, 2, 30), 0, ""}};
}

}  // namespace ornstein
