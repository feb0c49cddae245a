// The domain of functions, a product of intervals and circles, and what a grid on it means to a
// network. Lengths are in the coordinates' own unit throughout, so that a finer grid shows the same
// function to the same network. Sums over points are integrals: each point counts with the length
// of its cell, the points that are nearer to it than to any other.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "framework/nn/network.h"

namespace ornstein {

struct DomainAxis {
  double begin = 0, end = 0;  // least and greatest coordinate of all grids
  double period = 0;          // 0: an interval
  double spacing = 0;         // mean, of the coarsest grid; 0: not known

  double length() const { return period > 0 ? period : end - begin; }
};

std::vector<DomainAxis> domain_of(const NetworkShape& shape);  // shape.dimensions axes

// Coordinates [n, 1] or [n, m, 2] -> those of each axis, [n] (and [m]), float64, on the CPU.
// ConfigError where a grid in the plane is no product of two axes.
std::vector<at::Tensor> axes_of(const at::Tensor& coordinates);

// TORCH_CHECKs that x [B, C, n(, m)] and its coordinates fit each other and the domain.
void require_grid(const at::Tensor& x, const at::Tensor& coordinates,
                  const std::vector<DomainAxis>& domain);

// How far rounding to float32 may have moved the coordinates x.
double rounding_of(const at::Tensor& x);

// Quadrature weights [n], float64, of the points x [n], float64, in any order. On a circle and on
// an interval whose ends are points this is the trapezoid rule: error O(h^2) for functions with two
// derivatives, on a regular grid of a circle beyond all orders for smooth ones. An outermost cell
// reaches outwards as far as inwards, but not beyond the interval: error O(h^2) still for a grid of
// cell centres, and O(h) for one that covers a part of the interval only.
at::Tensor cell_lengths(const at::Tensor& x, const DomainAxis& axis);

// Functions of the position, [n(, m), F] float64 from the axes' coordinates: on a circle sin and
// cos of 2 pi k x / L, k = 1..frequencies of that axis; on an interval the position s, scaled to
// [-1, 1], and sin and cos of pi k s / 2.
at::Tensor coordinate_features(const std::vector<at::Tensor>& axes,
                               const std::vector<DomainAxis>& domain,
                               const std::vector<int64_t>& frequencies);
int64_t coordinate_feature_count(const std::vector<DomainAxis>& domain,
                                 const std::vector<int64_t>& frequencies);

// The Nyquist frequency of the coarsest grid, waves in `period`; infinite where it is not known.
double nyquist(const DomainAxis& axis, double period);

// frequency < limit, a Nyquist frequency that was computed with rounding.
bool resolves(double limit, int64_t frequency);

// Reads `key`, highest frequencies, one for each axis or one for all. ConfigError where one is not
// below its limit; the default is `fallback`, or the highest below the limit.
std::vector<int64_t> read_frequencies(const ConfigReader& section, const char* key,
                                      int64_t fallback, const std::vector<double>& limits);

}  // namespace ornstein
