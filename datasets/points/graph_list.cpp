#include "datasets/points/graph_list.h"

#include <cerrno>
#include <fstream>
#include <set>

#include "framework/base/errors.h"

namespace ornstein::points {
namespace {

constexpr int64_t kMostNodes = 4096;  // more would be rows of 8 million numbers: a mistake

// The lines of a file, each a few whole numbers.
class IntegerLines {
 public:
  explicit IntegerLines(const std::string& path) : path_(path), file_(path) {
    if (!file_)
      throw DataError(fmt::format("{}: cannot be opened ({})", path, std::strerror(errno)));
  }
  // The next line's numbers; `what` they are, for the message.
  std::vector<int64_t> next(size_t count, const std::string& what) {
    std::string text;
    ++line_;
    std::getline(file_, text);
    std::istringstream stream(text);
    std::vector<int64_t> numbers;
    for (int64_t value = 0; stream >> value;) numbers.push_back(value);
    if (!stream.eof() || numbers.size() != count) fail("is not " + what);
    return numbers;
  }
  [[noreturn]] void fail(const std::string& problem) const {
    throw DataError(fmt::format("{}: line {} {}", path_, line_, problem));
  }

 private:
  std::string path_;
  std::ifstream file_;
  int64_t line_ = 0;
};

// Row and column of each number of a triangle, [2, D].
at::Tensor places(int64_t nodes) { return at::triu_indices(nodes, nodes, 1, at::kLong); }

}  // namespace

std::vector<Graph> read_graph_list(const std::string& path) {
  IntegerLines lines(path);
  const int64_t count = lines.next(1, "the number of graphs")[0];
  if (count < 1) lines.fail("says there is no graph (at least one is needed)");
  std::vector<Graph> graphs;
  for (int64_t i = 0; i < count; ++i) {
    const std::string which = fmt::format("of graph {} of {}", i + 1, count);
    const auto sizes = lines.next(2, "the numbers of nodes and edges " + which);
    Graph graph{.nodes = sizes[0]};
    if (graph.nodes < 1 || graph.nodes > kMostNodes)
      lines.fail(fmt::format("gives {} nodes (1 to {} are possible)", graph.nodes, kMostNodes));
    std::set<std::pair<int64_t, int64_t>> seen;
    for (int64_t edge = 0; edge < sizes[1]; ++edge) {
      const auto ends = lines.next(2, "an edge (two nodes) " + which);
      const auto [low, high] = std::minmax(ends[0], ends[1]);
      if (low < 0 || high >= graph.nodes)
        lines.fail(fmt::format("names node {} (there are 0 to {})", low < 0 ? low : high,
                               graph.nodes - 1));
      if (low == high) lines.fail(fmt::format("joins node {} to itself", low));
      if (!seen.emplace(low, high).second)
        lines.fail(fmt::format("has the edge {} {} a second time", low, high));
      graph.edges.emplace_back(low, high);
    }
    graphs.push_back(std::move(graph));
  }
  return graphs;
}

GraphRows triangles_of(const std::vector<Graph>& graphs) {
  TORCH_CHECK(!graphs.empty(), "no graph to make rows of");
  GraphRows rows;
  for (const Graph& graph : graphs) rows.nodes = std::max(rows.nodes, graph.nodes);
  if (rows.nodes < 2) throw DataError("no graph has two nodes (there is no edge to be or not)");
  const at::Tensor index = places(rows.nodes);
  rows.x = at::zeros({std::ssize(graphs), index.size(1)});
  rows.labels = at::empty({std::ssize(graphs)}, at::kLong);
  for (int64_t i = 0; i < std::ssize(graphs); ++i) {
    at::Tensor matrix = at::zeros({rows.nodes, rows.nodes});
    auto entry = matrix.accessor<float, 2>();
    for (const auto& [low, high] : graphs[i].edges) entry[low][high] = 1;
    rows.x[i].copy_(matrix.index({index[0], index[1]}));
    rows.labels[i] = graphs[i].nodes;
  }
  return rows;
}

int64_t nodes_of_triangle(int64_t dimensions) {
  const auto nodes = std::lround((1 + std::sqrt(1 + 8.0 * static_cast<double>(dimensions))) / 2);
  return nodes * (nodes - 1) / 2 == dimensions ? nodes : 0;
}

at::Tensor adjacency_of(const at::Tensor& x) {
  const int64_t nodes = nodes_of_triangle(x.size(1));
  TORCH_CHECK(nodes > 0, "rows of ", x.size(1), " numbers are no triangles");
  const at::Tensor index = places(nodes);
  at::Tensor matrix = at::zeros({x.size(0), nodes * nodes}, x.options());
  matrix.index_copy_(1, index[0] * nodes + index[1], x);
  matrix = matrix.view({-1, nodes, nodes});
  return matrix + matrix.transpose(1, 2);
}

}  // namespace ornstein::points
