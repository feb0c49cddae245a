// How alike two sets of clouds are, samples S and references R, from their distances (Achlioptas et
// al. 2018, arXiv:1707.02392, sec. 4; Lopez-Paz and Oquab 2017, arXiv:1610.06545; as PointFlow
// computes them):
//   MMD    mean over R of the distance to the nearest of S                          less is better
//   COV    the share of R that is nearest, of all R, to one of S                    more is better
//   1-NNA  the share of S and R together whose nearest neighbour among the others
//          is of their own set                                                      0.5 is best
// MMD does not see samples that are far from all references, COV counts them as well as good ones;
// 1-NNA sees both. |S| = |R| for all three.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "framework/evaluation/figure.h"

namespace ornstein::point_cloud {

struct SetDistances {
  at::Tensor across;               // [n, n] float64: of S (rows) from R (columns)
  at::Tensor samples, references;  // [n, n] float64: within S, within R
};

double minimum_matching_distance(const SetDistances& distances);
double coverage(const SetDistances& distances);
double nearest_neighbour_accuracy(const SetDistances& distances);

// `mmd_<name>`, in `unit`, `cov_<name>` and `1nna_<name>` with standard errors as if clouds were
// independent of each other; none of coverage.
std::vector<Figure> set_figures(const std::string& name, const std::string& unit,
                                const SetDistances& distances);

}  // namespace ornstein::point_cloud
