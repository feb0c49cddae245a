#include "framework/comm/devices.h"
#include "tests/debug_device/debug_device.h"
#include "tests/gpu/accelerator.h"

namespace ornstein::test {

std::optional<at::Device> accelerator() { return take_device(0, /*tf32=*/false); }

bool counts_copies() { return true; }
int64_t asynchronous_copies() { return debug_device::asynchronous_copies(); }

}  // namespace ornstein::test
