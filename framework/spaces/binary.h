// The corners {0, 1}^D as a space that only says what lies on it: it has no geometry, and methods
// that take it (first hitting) bring their own process. Rows are floats.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace ornstein {

struct Binary {
  int64_t d = 1;

  std::string name() const { return "binary"; }
  int64_t ambient() const { return d; }
  at::Tensor defect(const at::Tensor& x) const;   // [b], the largest distance of a number from 0, 1
  at::Tensor project(const at::Tensor& x) const;  // the nearest corner
};

}  // namespace ornstein
