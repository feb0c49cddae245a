// Distances and heat kernels of all pairs of many points.
//
// A pair's separations are the numbers that its heat kernel is a function of: the distance in each
// factor of the space, and on tori the angle along each axis. The kernel is a product of functions
// of one separation each, tabulated as cubic Hermite splines of log p, from the value and the slope
// -r pull (heat_kernel.h) at the ends of 2,048 intervals up to ten standard deviations; beyond them
// the function itself is asked. Within a regime of the kernel the splines' error in log p is below
// 1e-7; where two regimes join they smooth the step between them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "framework/spaces/space.h"

namespace ornstein {

// False for SO(n), n > 3, and products with it: their kernels are functions of several angles.
bool has_separable_kernel(const Space& space);

class HeatKernelTable {
 public:
  HeatKernelTable(const Space& space, double tau);  // the space has_separable_kernel

  double tau() const { return tau_; }
  double log_density(const double* separations) const;  // [K] -> log p_tau, nats

 private:
  class Table {
   public:
    using Kernel = std::function<RadialKernel(double r, double tau)>;
    Table(Kernel kernel, double tau, double limit);
    double operator()(double r) const;

   private:
    Kernel kernel_;
    double tau_, step_;
    std::vector<double> values_, slopes_;  // at i step_; slopes a step
  };

  double tau_;
  std::vector<Table> tables_;
  std::vector<size_t> table_of_;  // [K]: of each separation
};

// Calls f for runs of rows of x [n, D], with their separations from all rows of y [m, D] as
// [rows, m, K] float64, contiguous, in the order that HeatKernelTable takes. The sum of a pair's
// squares is its squared distance.
void for_pairs(const Space& space, const at::Tensor& x, const at::Tensor& y,
               const std::function<void(int64_t first, const at::Tensor& separations)>& f);

// [n, m] float64. Kernels are p_tau(x | y)/p_tau(x | x), 1 at distance 0.
at::Tensor pair_distances(const Space& space, const at::Tensor& x, const at::Tensor& y);
at::Tensor pair_kernels(const Space& space, const at::Tensor& x, const at::Tensor& y, double tau);

}  // namespace ornstein
