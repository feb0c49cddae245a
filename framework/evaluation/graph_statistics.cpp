#include "framework/evaluation/graph_statistics.h"

#include <array>

namespace ornstein {
namespace {

// Places of a node in the graph spanned by three or four nodes, by that graph's number of edges and
// the node's degree in it; -1: the graph is not connected, or no node has that degree.
int orbit_of_three(int edges, int degree) {
  if (edges == 2) return degree;  // 1 end, 2 middle
  return edges == 3 ? 3 : -1;
}

int orbit_of_four(int edges, int degree, int largest_degree) {
  switch (edges) {
    case 3:
      if (largest_degree == 3) return degree == 1 ? 6 : 7;
      return degree == 1 ? 4 : 5;
    case 4:
      return largest_degree == 2 ? 8 : 8 + degree;
    case 5:
      return 10 + degree;
    case 6:
      return 14;
    default:
      return -1;
  }
}

template <size_t k>
void count(const std::array<int64_t, k>& nodes, const at::TensorAccessor<bool, 2>& joined,
           at::TensorAccessor<int64_t, 2> counts) {
  std::array<int, k> degree{};
  int edges = 0;
  for (size_t a = 0; a < k; ++a)
    for (size_t b = a + 1; b < k; ++b)
      if (joined[nodes[a]][nodes[b]]) {
        ++edges;
        ++degree[a];
        ++degree[b];
      }
  int largest = 0;
  for (const int own : degree) {
    if (own == 0) return;  // with three edges: a triangle and a node apart
    largest = std::max(largest, own);
  }
  for (size_t a = 0; a < k; ++a) {
    const int orbit =
        k == 3 ? orbit_of_three(edges, degree[a]) : orbit_of_four(edges, degree[a], largest);
    if (orbit >= 0) ++counts[nodes[a]][orbit];
  }
}

}  // namespace

int64_t nodes_of_upper_triangle(int64_t dimensions) {
  const auto n = static_cast<int64_t>(std::lround((1 + std::sqrt(1 + 8.0 * dimensions)) / 2));
  return n >= 2 && n * (n - 1) / 2 == dimensions ? n : 0;
}

at::Tensor adjacency_without_isolated(const at::Tensor& triangle) {
  const int64_t n = nodes_of_upper_triangle(triangle.numel());
  TORCH_CHECK(triangle.dim() == 1 && n > 0, "no graph has an upper triangle ", triangle.sizes());
  at::Tensor adjacency = at::zeros({n, n}, at::kBool);
  const at::Tensor places = at::triu_indices(n, n, 1);
  adjacency.index_put_({places[0], places[1]}, triangle.cpu() > 0.5);
  adjacency = adjacency.logical_or(adjacency.t());
  const at::Tensor kept = adjacency.any(1).nonzero().squeeze(1);
  if (kept.numel() == 0) return at::zeros({1, 1}, at::kBool);
  return adjacency.index_select(0, kept).index_select(1, kept);
}

at::Tensor degrees(const at::Tensor& adjacency) { return adjacency.to(at::kLong).sum(1); }

at::Tensor clustering(const at::Tensor& adjacency) {
  const at::Tensor a = adjacency.to(at::kDouble), degree = a.sum(1);
  const at::Tensor joined = (a.matmul(a) * a).sum(1);  // twice the joined pairs of neighbours
  return joined / (degree * (degree - 1)).clamp_min(1);
}

at::Tensor orbit_counts(const at::Tensor& adjacency) {
  const int64_t n = adjacency.size(0);
  at::Tensor result = at::zeros({n, kOrbits}, at::kLong);
  result.select(1, 0).copy_(degrees(adjacency));
  const auto joined = adjacency.accessor<bool, 2>();
  auto counts = result.accessor<int64_t, 2>();
  for (int64_t a = 0; a < n; ++a)
    for (int64_t b = a + 1; b < n; ++b)
      for (int64_t c = b + 1; c < n; ++c) {
        count<3>({a, b, c}, joined, counts);
        for (int64_t d = c + 1; d < n; ++d) count<4>({a, b, c, d}, joined, counts);
      }
  return result;
}

}  // namespace ornstein
