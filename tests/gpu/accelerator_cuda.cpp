#include "framework/comm/devices.h"
#include "tests/gpu/accelerator.h"

namespace ornstein::test {

std::optional<at::Device> accelerator() {
  if (visible_devices().empty()) return std::nullopt;
  return take_device(0, /*tf32=*/false);
}

bool counts_copies() { return false; }
int64_t asynchronous_copies() { return 0; }

}  // namespace ornstein::test
