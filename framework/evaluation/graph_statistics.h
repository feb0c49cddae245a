// Statistics of the nodes of a graph, given by its symmetric adjacency [n, n] bool without loops.
// None depends on the order of the nodes.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ornstein {

inline constexpr int64_t kOrbits = 15;

// n for D = n (n - 1)/2, or 0 where there is no such n.
int64_t nodes_of_upper_triangle(int64_t dimensions);

// The upper triangle of an adjacency row by row, (0,1), (0,2), ..., (1,2), ..., [D] of 0 and 1 ->
// adjacency of the nodes that have an edge, or of one node where there is no edge.
at::Tensor adjacency_without_isolated(const at::Tensor& triangle);

at::Tensor degrees(const at::Tensor& adjacency);  // [n] int64

// Share of the pairs of a node's neighbours that are joined; 0 for nodes of degree 0 and 1. [n]
// float64.
at::Tensor clustering(const at::Tensor& adjacency);

// How often a node takes each place in the connected graphs that two, three and four nodes span:
// [n, 15] int64, numbered as in Przulj 2007 (Bioinformatics 23, fig. 1):
//   0 edge; path of three: 1 end, 2 middle; 3 triangle; path of four: 4 end, 5 middle; star:
//   6 leaf, 7 centre; 8 square; triangle with a tail: 9 tail, 10 and 11 nodes without and with it;
//   square with a diagonal: 12 off it, 13 on it; 14 complete
// Counted one by one, n^4/24 subsets.
at::Tensor orbit_counts(const at::Tensor& adjacency);

}  // namespace ornstein
