// devices.h with debug devices. ORNSTEIN_DEBUG_DEVICES says how many (2), ORNSTEIN_DEBUG_MEMORY how
// many bytes each has (1e12), for tests of the program.
#include "framework/comm/devices.h"

#include <cstdlib>

#include "tests/debug_device/debug_device.h"

namespace ornstein {
namespace {

double from_environment(const char* name, double otherwise) {
  const char* value = std::getenv(name);
  return value ? std::strtod(value, nullptr) : otherwise;
}

}  // namespace

bool built_for_cuda() { return true; }

std::vector<VisibleDevice> visible_devices() {
  std::vector<VisibleDevice> devices;
  const auto count = static_cast<int>(from_environment("ORNSTEIN_DEBUG_DEVICES", 2));
  const auto bytes = static_cast<int64_t>(from_environment("ORNSTEIN_DEBUG_MEMORY", 1e12));
  for (int i = 0; i < count; ++i)
    devices.push_back({"debug device", fmt::format("0000:{:02x}:00", i), bytes});
  return devices;
}

at::Device take_device(int index, bool) {
  const auto devices = visible_devices();
  debug_device::install(static_cast<int>(devices.size()), devices.at(index).bytes);
  const at::Device device(debug_device::kType, static_cast<c10::DeviceIndex>(index));
  c10::impl::getDeviceGuardImpl(debug_device::kType)->setDevice(device);
  return device;
}

}  // namespace ornstein
