// Pictures on disk.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace ornstein {

// `pixels` [H, W, C] uint8, C = 1 (grey) or 3 (red, green, blue), row 0 on top. Throws DataError
// when the file cannot be written.
void write_png(const std::string& path, const at::Tensor& pixels);

}  // namespace ornstein
