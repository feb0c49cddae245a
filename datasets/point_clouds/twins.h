// Families of surfaces with known moments, y up: one cloud, one shape with sizes of its own, of
// points independent of each other given the sizes.
//
//   ellipsoids  half axes a, b, c in [0.3, 1]; (a u_1, b u_2, c u_3) with u uniform on the sphere
//               (not uniform in area): E x^2 = a^2/3
//   tori        R in [0.5, 0.8], r in [0.12, 0.35], about the y axis, uniform in area:
//               E y^2 = r^2/2, E x^2 = E z^2 = R^2/2 + 3 r^2/4
//   boxes       half sides a, b, c in [0.3, 0.9], uniform in area: E x^2 =
//               a^2 (b c + a (b + c)/3)/(a b + b c + c a)
//   shapes      one of the three, each with probability 1/3, which is the label 0, 1 or 2
//
// Sizes are uniform and independent; all means are 0, and so are mixed second moments.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "framework/config/config_reader.h"
#include "framework/data/dataset.h"

namespace ornstein::point_clouds {

std::vector<std::string> twin_names();

// [3] float64: the means of x^2, y^2, z^2 over points and sizes.
at::Tensor second_moments(const std::string& name);

// The first five sixths of the rows are split 0, the rest split 1. Keys of `dataset`: `rows`
// (3000), `points` (256). A twin is one fixed set of data: a row depends on its number and on
// `points` alone. Throws DataError when there is no twin of that name.
DataSource open_twin(const std::string& name, const ConfigReader& dataset);

}  // namespace ornstein::point_clouds
