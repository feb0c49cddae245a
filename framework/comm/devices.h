// The CUDA devices that this process may use. A build without CUDA (ORNSTEIN_CUDA, tools/cmake/
// FindLibTorch.cmake) has devices_cpu.cpp behind these functions, one with it devices_cuda.cpp.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ornstein {

struct VisibleDevice {
  std::string name;  // as its maker calls it
  std::string bus;   // PCI address: tells the devices of a host apart, whatever a rank sees of them
  int64_t bytes = 0;  // of memory
};

bool built_for_cuda();

// In the order of their numbers for this process; empty without CUDA, a driver or a device.
std::vector<VisibleDevice> visible_devices();

// Makes device `index` this process's own: what is allocated on its type of device from now on lies
// there. Operations that can do the same twice with the same bits do; matrix products and
// convolutions of float32 round their factors to TF32 (10 bits of mantissa) if `tf32`.
at::Device take_device(int index, bool tf32);

}  // namespace ornstein
