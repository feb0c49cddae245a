// Lists of small graphs as text, and graphs as binary rows.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ornstein::points {

struct Graph {
  int64_t nodes = 0;
  std::vector<std::pair<int64_t, int64_t>> edges;  // (i, j), i < j < nodes, each once
};

// The first line has the number of graphs; of each, a line `nodes edges`, then a line `i j` an
// edge, nodes from 0. Throws DataError naming the line: too few lines, a loop, an edge twice, a
// node that is not there, no graph.
std::vector<Graph> read_graph_list(const std::string& path);

// Upper triangles row by row, (0,1), (0,2), ..., (0,n-1), (1,2), ...: D = n (n - 1) / 2. Smaller
// graphs are padded at the end, with nodes that have no edge.
struct GraphRows {
  at::Tensor x;       // [N, D] float32, 1 where there is an edge
  at::Tensor labels;  // [N] int64: the graph's own number of nodes
  int64_t nodes = 0;  // n: of the largest
};
GraphRows triangles_of(const std::vector<Graph>& graphs);

// The number of nodes whose triangle has `dimensions` numbers, or 0 when there is none.
int64_t nodes_of_triangle(int64_t dimensions);

// [b, D] -> symmetric [b, n, n].
at::Tensor adjacency_of(const at::Tensor& x);

}  // namespace ornstein::points
