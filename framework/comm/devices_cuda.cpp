// devices.h of a build with CUDA, by LibTorch's own calls: no CUDA library is linked besides.
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAFunctions.h>
#include <fmt/format.h>

#include "framework/comm/devices.h"

namespace ornstein {

bool built_for_cuda() { return true; }

std::vector<VisibleDevice> visible_devices() {
  std::vector<VisibleDevice> devices;
  const int count = c10::cuda::device_count();  // 0 where there is no driver
  for (int i = 0; i < count; ++i) {
    const cudaDeviceProp* device = at::cuda::getDeviceProperties(i);
    devices.push_back({device->name,
                       fmt::format("{:04x}:{:02x}:{:02x}", device->pciDomainID, device->pciBusID,
                                   device->pciDeviceID),
                       static_cast<int64_t>(device->totalGlobalMem)});
  }
  return devices;
}

at::Device take_device(int index, bool tf32) {
  ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);  // or cuBLAS sums as it likes
  at::Context& context = at::globalContext();
  context.setDeterministicCuDNN(true);
  context.setDeterministicAlgorithms(true, /*warn_only=*/true);
  context.setDeterministicFillUninitializedMemory(false);
  context.setSDPUseFlash(false);  // these attentions sum as they like in the backward pass
  context.setSDPUseMemEfficient(false);
  context.setSDPUseCuDNN(false);
  context.setAllowTF32CuBLAS(tf32);
  context.setAllowTF32CuDNN(tf32);  // true unless it is said
  const at::Device device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
  c10::cuda::set_device(device.index());
  return device;
}

}  // namespace ornstein
