// CUDA without hardware, for tests of programs that are not linked with LibTorch's CUDA libraries:
// tensors of device type CUDA whose addresses host code may not touch. What would fail on a GPU
// fails here: reading a device tensor's memory from host code ends the process, an operation on
// tensors of two devices throws (scalars and the indices of at::index may lie on the host, as on
// CUDA), generators must be the device's. Operations run on the CPU, and generators draw what CPU
// generators of the same key draw, so that results are those of the CPU up to rounding.
//
// The idea is mfem's debug device and PyTorch's open_registration_extension. What it cannot show:
// operations that CUDA lacks, its streams, its speed.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>

namespace ornstein::debug_device {

constexpr auto kType = c10::DeviceType::CUDA;

// Once a process, before any device tensor. Allocations beyond `bytes` of tensors alive at once
// throw c10::OutOfMemoryError.
void install(int devices, int64_t bytes);

// Since the start, copies from pinned memory that did not keep the host waiting.
int64_t asynchronous_copies();

// While one lives, what CUDA cannot record throws: copies from and to the host, and operations
// whose result's shape or value the host learns.
class Recording {
 public:
  Recording();
  ~Recording();
  Recording(const Recording&) = delete;
};

}  // namespace ornstein::debug_device
