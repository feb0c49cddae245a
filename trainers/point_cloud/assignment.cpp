#include "trainers/point_cloud/assignment.h"

#include <lemon/network_simplex.h>
#include <lemon/static_graph.h>

namespace ornstein::point_cloud {

using Graph = lemon::StaticDigraph;
using Simplex = lemon::NetworkSimplex<Graph, int, int64_t>;

struct Assignment::Solver {
  // An arc from each of nodes 0..n-1 to each of n..2n-1, arc i n + j from i to n + j.
  explicit Solver(int sources) : n(sources) {
    std::vector<std::pair<int, int>> arcs;
    arcs.reserve(static_cast<size_t>(n) * n);
    for (int i = 0; i < n; ++i) {
      for (int j = 0; j < n; ++j) arcs.emplace_back(i, n + j);
    }
    graph.build(2 * n, arcs.begin(), arcs.end());
    supply = std::make_unique<Graph::NodeMap<int>>(graph);
    costs = std::make_unique<Graph::ArcMap<int64_t>>(graph);
    for (int i = 0; i < 2 * n; ++i) (*supply)[Graph::node(i)] = i < n ? 1 : -1;
    simplex = std::make_unique<Simplex>(graph);
    simplex->supplyMap(*supply);
  }

  const int n;
  Graph graph;
  std::unique_ptr<Graph::NodeMap<int>> supply;
  std::unique_ptr<Graph::ArcMap<int64_t>> costs;
  std::unique_ptr<Simplex> simplex;
};

Assignment::Assignment() = default;
Assignment::~Assignment() = default;

double Assignment::least_mean(const std::vector<double>& costs) {
  const int n = static_cast<int>(std::lround(std::sqrt(static_cast<double>(costs.size()))));
  TORCH_CHECK(n > 0 && static_cast<size_t>(n) * n == costs.size(),
              "an assignment wants costs [n n], not ", costs.size());
  const double largest = *std::max_element(costs.begin(), costs.end());
  if (largest == 0) return 0;
  if (!solver_ || solver_->n != n) solver_ = std::make_unique<Solver>(n);
  const double unit = std::ldexp(largest, -40);
  for (size_t arc = 0; arc < costs.size(); ++arc)
    (*solver_->costs)[Graph::arc(static_cast<int>(arc))] = std::llround(costs[arc] / unit);
  TORCH_CHECK(solver_->simplex->costMap(*solver_->costs).run() == Simplex::OPTIMAL,
              "the assignment has no optimum");
  return unit * solver_->simplex->totalCost<double>() / n;
}

}  // namespace ornstein::point_cloud
