// devices.h of a build with CUDA.
#include <cuda_runtime_api.h>

#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAFunctions.h>

#include "framework/comm/devices.h"

namespace ornstein {

bool built_for_cuda() { return true; }

std::vector<VisibleDevice> visible_devices() {
  std::vector<VisibleDevice> devices;
  const int count = c10::cuda::device_count();
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp properties;
    char bus[32] = {};
    if (cudaGetDeviceProperties(&properties, i) != cudaSuccess ||
        cudaDeviceGetPCIBusId(bus, sizeof bus, i) != cudaSuccess)
      continue;
    devices.push_back({properties.name, bus, static_cast<int64_t>(properties.totalGlobalMem)});
  }
  return devices;
}

void take_device(int index) { c10::cuda::set_device(static_cast<c10::DeviceIndex>(index)); }

}  // namespace ornstein
