// The device that tests/gpu runs on: the first GPU, or in a build without CUDA the debug device.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <optional>

namespace ornstein::test {

std::optional<at::Device> accelerator();  // none: no GPU is there

bool counts_copies();
int64_t asynchronous_copies();  // 0 where they are not counted

}  // namespace ornstein::test
