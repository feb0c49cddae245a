// An image as its orthonormal Haar coefficients, in one tensor of the image's shape (Mallat's
// layout): the upper left quadrant is the low-pass, laid out the same way again, right of it lie
// the vertical details, below it the horizontal ones, and the diagonal ones in the corner.
//   blocks from fine to coarse: d_1, ..., d_levels, and the last low-pass a_levels.
// White noise stays white, so that non-uniform diffusion is a diffusion of this tensor with one
// noise level a block.
#pragma once

#include <ATen/core/Tensor.h>

namespace ornstein::multiscale {

// x [B, C, H, W], H and W multiples of 2^levels -> [B, C, H, W], and back; x's type.
at::Tensor to_blocks(const at::Tensor& x, int64_t levels);
at::Tensor to_image(const at::Tensor& blocks, int64_t levels);

// Which block each coefficient belongs to: 0 for d_1, ..., levels for a_levels. [H, W] int64.
at::Tensor block_numbers(int64_t height, int64_t width, int64_t levels);

}  // namespace ornstein::multiscale
