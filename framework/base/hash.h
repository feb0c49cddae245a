// 64-bit fingerprints (xxh3) by which ranks compare what should be equal on all of them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string_view>

namespace ornstein {

// Of the elements' bytes in row-major order, on any device; shape and type are not part of it.
uint64_t hash_of(const at::Tensor& tensor);

uint64_t hash_of(std::string_view text);

}  // namespace ornstein
