// device_graph.h of a build without CUDA.
#include "framework/comm/device_graph.h"

namespace ornstein {

std::unique_ptr<DeviceGraph> record_graph(const at::Device& device, at::Generator&,
                                          const std::function<void()>&) {
  TORCH_CHECK(false, "no graphs on ", device, " in this build");
}

}  // namespace ornstein
