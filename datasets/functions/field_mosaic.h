// A picture of fields of two dimensions.
#pragma once

#include <ATen/core/Tensor.h>

namespace ornstein::functions {

// x [N, C, n, m]: at most 32 fields side by side, eight in a line; a mosaic a channel, one below
// the other, each between the quantiles 0.01 and 0.99 of its own values. The first axis goes up,
// the second to the right. Colours are those of viridis: equal steps of value look like equal
// steps, also in grey. What is not finite is grey. Returns [H, W, 3] uint8.
at::Tensor field_mosaic(const at::Tensor& x);

}  // namespace ornstein::functions
