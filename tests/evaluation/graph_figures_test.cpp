#include "framework/evaluation/graph_figures.h"

#include <gtest/gtest.h>

#include "framework/base/random.h"
#include "framework/evaluation/graph_statistics.h"

namespace ornstein {
namespace {

using Edges = std::vector<std::pair<int64_t, int64_t>>;

at::Tensor graph(int64_t nodes, const Edges& edges) {
  at::Tensor adjacency = at::zeros({nodes, nodes}, at::kBool);
  for (const auto& [a, b] : edges) {
    adjacency[a][b].fill_(true);
    adjacency[b][a].fill_(true);
  }
  return adjacency;
}

at::Tensor triangle_of(const at::Tensor& adjacency) {
  const at::Tensor places = at::triu_indices(adjacency.size(0), adjacency.size(0), 1);
  return adjacency.index({places[0], places[1]}).to(at::kFloat);
}

at::Tensor complete(int64_t nodes) { return at::eye(nodes, at::kBool).logical_not(); }

at::Tensor random_graph(int64_t nodes, double share, uint64_t seed) {
  auto generator = make_generator(random_key(Stream::kTwin, {seed}));
  const at::Tensor upper = (at::rand({nodes, nodes}, generator) < share).triu(1);
  return upper.logical_or(upper.t());
}

// Counts of the orbits named, all others 0.
std::vector<int64_t> orbits(const std::vector<std::pair<int, int64_t>>& named) {
  std::vector<int64_t> counts(kOrbits, 0);
  for (const auto& [orbit, count] : named) counts[orbit] = count;
  return counts;
}

std::vector<int64_t> counts_of(const at::Tensor& adjacency, int64_t node) {
  const at::Tensor row = orbit_counts(adjacency)[node].contiguous();
  return {row.data_ptr<int64_t>(), row.data_ptr<int64_t>() + kOrbits};
}

TEST(OrbitCounts, AreThoseOfEveryGraphOfFourNodes) {
  const at::Tensor triangle = complete(3), whole = complete(4);
  EXPECT_EQ(counts_of(triangle, 0), orbits({{0, 2}, {3, 1}}));
  EXPECT_EQ(counts_of(whole, 2), orbits({{0, 3}, {3, 3}, {14, 1}}));
  const at::Tensor path = graph(4, {{0, 1}, {1, 2}, {2, 3}});
  EXPECT_EQ(counts_of(path, 0), orbits({{0, 1}, {1, 1}, {4, 1}}));
  EXPECT_EQ(counts_of(path, 1), orbits({{0, 2}, {1, 1}, {2, 1}, {5, 1}}));
  const at::Tensor star = graph(4, {{0, 1}, {0, 2}, {0, 3}});
  EXPECT_EQ(counts_of(star, 0), orbits({{0, 3}, {2, 3}, {7, 1}}));
  EXPECT_EQ(counts_of(star, 3), orbits({{0, 1}, {1, 2}, {6, 1}}));
  const at::Tensor square = graph(4, {{0, 1}, {1, 2}, {2, 3}, {3, 0}});
  EXPECT_EQ(counts_of(square, 1), orbits({{0, 2}, {1, 2}, {2, 1}, {8, 1}}));
  const at::Tensor tailed = graph(4, {{0, 1}, {1, 2}, {2, 0}, {0, 3}});
  EXPECT_EQ(counts_of(tailed, 3), orbits({{0, 1}, {1, 2}, {9, 1}}));
  EXPECT_EQ(counts_of(tailed, 1), orbits({{0, 2}, {1, 1}, {3, 1}, {10, 1}}));
  EXPECT_EQ(counts_of(tailed, 0), orbits({{0, 3}, {2, 2}, {3, 1}, {11, 1}}));
  const at::Tensor diagonal = graph(4, {{0, 1}, {1, 2}, {2, 3}, {3, 0}, {0, 2}});
  EXPECT_EQ(counts_of(diagonal, 1), orbits({{0, 2}, {1, 2}, {3, 1}, {12, 1}}));
  EXPECT_EQ(counts_of(diagonal, 0), orbits({{0, 3}, {2, 1}, {3, 2}, {13, 1}}));
  EXPECT_EQ(counts_of(graph(4, {{0, 1}, {2, 3}}), 0), orbits({{0, 1}}));
}

// Each connected graph on four nodes is counted once for each of its places; with the sums of
// degrees, of squared degrees and of closed walks the totals follow in another way.
TEST(OrbitCounts, SumToWhatPowersOfTheAdjacencySay) {
  const at::Tensor adjacency = random_graph(16, 0.4, 1), a = adjacency.to(at::kDouble);
  const at::Tensor total = orbit_counts(adjacency).sum(0).to(at::kDouble), degree = a.sum(1);
  const auto of = [&](int orbit) { return total[orbit].item<double>(); };
  const double triangles = a.matmul(a).matmul(a).trace().item<double>() / 6;
  EXPECT_EQ(of(3), 3 * triangles);
  EXPECT_EQ(of(2), (degree * (degree - 1)).sum().item<double>() / 2 - 3 * triangles);
  EXPECT_EQ(of(1), 2 * of(2));
  EXPECT_EQ(of(4), of(5));
  EXPECT_EQ(of(6), 3 * of(7));
  EXPECT_EQ(of(12), of(13));
  EXPECT_EQ(of(10), 2 * of(9));
  EXPECT_EQ(of(11), of(9));
  // Stars that need not be induced: of three neighbours, 0, 1, 2 or 3 pairs may be joined.
  const double stars = (degree * (degree - 1) * (degree - 2)).sum().item<double>() / 6;
  EXPECT_EQ(stars, of(7) + of(11) + of(13) + of(14));
  // Squares that need not be induced.
  const at::Tensor common = a.matmul(a).triu(1);
  const double squares = (common * (common - 1)).triu(1).sum().item<double>() / 4;
  EXPECT_EQ(squares, of(8) / 4 + of(12) / 2 + 3 * of(14) / 4);
}

TEST(Clustering, IsOneInACompleteGraphAndZeroInATree) {
  EXPECT_TRUE(clustering(complete(6)).equal(at::ones({6}, at::kDouble)));
  EXPECT_TRUE(
      clustering(graph(5, {{0, 1}, {0, 2}, {2, 3}, {2, 4}})).equal(at::zeros({5}, at::kDouble)));
  const at::Tensor tailed = clustering(graph(4, {{0, 1}, {1, 2}, {2, 0}, {0, 3}}));
  EXPECT_NEAR(tailed[0].item<double>(), 1.0 / 3, 1e-15);
  EXPECT_EQ(tailed[1].item<double>(), 1);
}

TEST(UpperTriangle, GivesTheGraphOfTheNodesThatHaveEdges) {
  EXPECT_EQ(nodes_of_upper_triangle(190), 20);
  EXPECT_EQ(nodes_of_upper_triangle(191), 0);
  const at::Tensor path = graph(5, {{0, 1}, {1, 3}});
  EXPECT_TRUE(adjacency_without_isolated(triangle_of(path)).equal(graph(3, {{0, 1}, {1, 2}})));
  EXPECT_EQ(adjacency_without_isolated(at::zeros({10})).numel(), 1);
}

at::Tensor random_rows(int64_t rows, double share, uint64_t seed) {
  std::vector<at::Tensor> all;
  for (int64_t i = 0; i < rows; ++i) all.push_back(triangle_of(random_graph(12, share, seed + i)));
  return at::stack(all);
}

TEST(GraphFigures, DoNotChangeWithTheOrderOfNodes) {
  const at::Tensor rows = random_rows(8, 0.3, 1), others = random_rows(8, 0.5, 100);
  std::vector<at::Tensor> reordered;
  auto generator = make_generator(3);
  for (int64_t i = 0; i < rows.size(0); ++i) {
    const at::Tensor order = at::randperm(12, generator, at::kLong);
    const at::Tensor adjacency = random_graph(12, 0.3, 1 + i);
    reordered.push_back(triangle_of(adjacency.index_select(0, order).index_select(1, order)));
  }
  const auto given = graph_figures(rows, others),
             same = graph_figures(at::stack(reordered), others);
  for (size_t i = 0; i < given.size(); ++i)
    EXPECT_NEAR(given[i].value, same[i].value, 1e-12) << given[i].name;
  for (const Figure& figure : graph_figures(rows, at::stack(reordered)))
    EXPECT_NEAR(figure.value, 0, 1e-12) << figure.name;
}

// One complete graph against one path of three nodes, n complete: degrees differ by W = |(n - 1) -
// 4/3|, coefficients by one.
TEST(GraphFigures, OfTwoGraphsAreTheKernelsOfTheirDistance) {
  const at::Tensor whole = triangle_of(complete(4)).unsqueeze(0);
  const at::Tensor path = triangle_of(graph(4, {{0, 1}, {1, 2}})).unsqueeze(0);
  const auto figures = graph_figures(whole, path);
  EXPECT_NEAR(figures[0].value, 2 - 2 * std::exp(-std::pow(3 - 4.0 / 3, 2) / 2), 1e-12);
  EXPECT_NEAR(figures[1].value, 2 - 2 * std::exp(-std::pow(0.99, 2) / 0.02), 1e-12);
  // Means over nodes: degree 3 and 4/3, triangles 3 and 0, one complete graph, paths 2/3 and 1/3.
  const double squared = std::pow(5.0 / 3, 2) + 9 + 1 + 4.0 / 9 + 1.0 / 9;
  EXPECT_NEAR(figures[2].value, 2 - 2 * std::exp(-squared / 1800), 1e-12);
}

TEST(GraphFigures, AreSmallerBetweenGraphsOfOneLaw) {
  const at::Tensor rows = random_rows(40, 0.3, 1);
  const auto same = graph_figures(rows, random_rows(40, 0.3, 1000));
  const auto other = graph_figures(rows, random_rows(40, 0.4, 2000));
  for (size_t i = 0; i < same.size(); ++i) {
    EXPECT_GE(same[i].value, 0) << same[i].name;
    EXPECT_LT(2 * same[i].value, other[i].value) << same[i].name;
  }
}

}  // namespace
}  // namespace ornstein
