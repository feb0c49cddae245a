#include "framework/base/batch.h"

namespace ornstein {

Batch Batch::to(const at::Device& device) const {
  auto move = [&](const at::Tensor& t) { return t.defined() ? t.to(device) : t; };
  return {move(x), move(labels), move(condition), move(coordinates), move(mask)};
}

}  // namespace ornstein
