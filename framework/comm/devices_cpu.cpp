// devices.h of a build without CUDA.
#include "framework/comm/devices.h"

namespace ornstein {

bool built_for_cuda() { return false; }

std::vector<VisibleDevice> visible_devices() { return {}; }

at::Device take_device(int index, bool) {
  TORCH_CHECK(false, "no CUDA device ", index, " in this build");
}

}  // namespace ornstein
