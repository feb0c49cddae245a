// Decodes PNG and JPEG files of 8 bits a channel or fewer, grey or RGB.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace ornstein::images {

struct PictureShape {
  int64_t channels = 0;  // 1 (grey) or 3 (RGB; palettes too)
  int64_t height = 0, width = 0;
};

// From the header alone. Both throw DataError naming the file.
PictureShape picture_shape(const std::string& path);

// uint8 [C, H, W]. What is transparent shows white, mixed in the stored (not linear) values.
at::Tensor read_picture(const std::string& path);

// images [N, 1 or 3, H, W] -> [N, channels, H, W], uint8 both. RGB becomes grey by its luma
// 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).
at::Tensor with_channels(const at::Tensor& images, int64_t channels);

// The largest centred square, resized to size x size by a triangle filter as wide as the reduction
// (no aliasing). images [N, C, H, W] -> [N, C, size, size], uint8 both.
at::Tensor centre_square(const at::Tensor& images, int64_t size);

}  // namespace ornstein::images
