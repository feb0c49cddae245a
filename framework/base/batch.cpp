#include "framework/base/batch.h"

namespace ornstein {

Batch Batch::to(const at::Device& device) const {
  const bool wait = device.is_cpu();  // or the host would read what has not come yet
  auto move = [&](const at::Tensor& t) {
    return t.defined() ? t.to(device, t.scalar_type(), /*non_blocking=*/!wait) : t;
  };
  return {move(x), move(labels), move(condition), move(coordinates), move(mask)};
}

Batch Batch::pinned() const {
  auto pin = [](const at::Tensor& t) { return t.defined() ? t.pin_memory() : t; };
  return {pin(x), pin(labels), pin(condition), pin(coordinates), pin(mask)};
}

Batch Batch::rows(const at::Tensor& indices) const {
  auto take = [&](const at::Tensor& t) { return t.defined() ? t.index_select(0, indices) : t; };
  const bool own_grids =
      coordinates.defined() && mask.defined() && coordinates.dim() == mask.dim() + 1;
  return {take(x), take(labels), take(condition), own_grids ? take(coordinates) : coordinates,
          take(mask)};
}

}  // namespace ornstein
