// What `evaluate` says of samples of graphs: squared maximum mean discrepancies between sampled and
// held-out graphs of three statistics, as GraphRNN defined them (You et al. 2018, arXiv:1802.08773)
// and GDSS reports them (Jo et al. 2022, arXiv:2202.02514, evaluation/stats.py):
//
//   degree_mmd      histogram of degrees, of sum 1                         exp(-W^2/2)
//   clustering_mmd  histogram of clustering coefficients in 100 bins of    exp(-W^2/(2 0.1^2))
//                   [0, 1], of sum 1
//   orbit_mmd       means over nodes of the 15 counts of graph_statistics  exp(-|.|^2/(2 30^2))
//
// with the kernel at the right, W the earth mover's distance (of degrees in units of one, of
// coefficients in bins/100), |.| the Euclidean norm, and
//   MMD^2 = mean k(x, x') + mean k(y, y') - 2 mean k(x, y)
// over all pairs, each graph with itself included: biased, by the less the more graphs there are,
// so compare equal numbers. As there nodes without an edge are dropped first (a graph without any
// edge is one node).
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "framework/evaluation/figure.h"

namespace ornstein {

// Upper triangles (graph_statistics.h) [n, D] and [m, D]. Counting orbits takes about a
// millisecond a graph of 20 nodes.
std::vector<Figure> graph_figures(const at::Tensor& samples, const at::Tensor& held_out);

}  // namespace ornstein
