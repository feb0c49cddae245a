#include "framework/spaces/binary.h"

namespace ornstein {

at::Tensor Binary::defect(const at::Tensor& x) const {
  return at::minimum(x.abs(), (x - 1).abs()).amax(-1);
}

at::Tensor Binary::project(const at::Tensor& x) const { return (x >= 0.5).to(x.scalar_type()); }

}  // namespace ornstein
