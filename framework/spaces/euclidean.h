// Euclidean space R^d, D = d. Its heat kernel is N(y, tau I); the reference law is N(0, s^2 I).
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "framework/spaces/heat_kernel.h"

namespace ornstein {

struct Euclidean {
  int64_t d = 1;
  double reference_std = 1;  // s

  std::string name() const { return "euclidean"; }
  int64_t dimension() const { return d; }
  int64_t ambient() const { return d; }
  bool compact() const { return false; }
  double log_volume() const;
  at::Tensor defect(const at::Tensor& x) const;  // 0
  at::Tensor project(const at::Tensor& x) const { return x; }
  at::Tensor tangent(const at::Tensor& x, const at::Tensor& v) const { return v; }
  at::Tensor lowered(const at::Tensor& v) const { return v; }
  at::Tensor frame(const at::Tensor& x) const;
  int64_t noise_size() const { return d; }
  at::Tensor tangent_from(const at::Tensor& x, const at::Tensor& noise) const { return noise; }
  at::Tensor exp(const at::Tensor& x, const at::Tensor& v) const;
  at::Tensor log(const at::Tensor& x, const at::Tensor& y) const;
  at::Tensor distance(const at::Tensor& x, const at::Tensor& y) const;
  at::Tensor transport(const at::Tensor& x, const at::Tensor& y, const at::Tensor& v) const {
    return v;
  }
  at::Tensor reference_sample(int64_t rows, at::Generator& generator,
                              const at::TensorOptions& options) const;
  at::Tensor reference_log_density(const at::Tensor& x) const;
  at::Tensor reference_score(const at::Tensor& x) const;
  bool draws_exactly() const { return true; }
  at::Tensor brownian(const at::Tensor& x, const at::Tensor& tau, at::Generator& generator,
                      int64_t steps = 1) const;
  HeatKernel heat_kernel(const at::Tensor& x, const at::Tensor& y, const at::Tensor& tau) const;
};

}  // namespace ornstein
