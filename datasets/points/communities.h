// Random graphs of two communities, as binary rows.
#pragma once

#include "datasets/points/twins.h"

namespace ornstein::points {

// In the manner of the community-small graphs (You et al. 2018, arXiv:1802.08773): n nodes, 12 to
// 20 alike often, the first n/2 (rounded down) in one community, the rest in the other; two nodes
// of one community are joined with probability 0.7, two of different ones with 0.05, given that
// some edge joins the communities. Upper triangles of 20 nodes (graph_list.h), the nodes beyond n
// without edges. The log density is the log probability, summed over the n that could be.
Twin communities();

}  // namespace ornstein::points
