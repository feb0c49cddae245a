// Work of a device that is recorded once and then replayed without the host (CUDA graphs): for
// small networks, whose kernels are shorter than the time the host takes to launch them.
#pragma once

#include <ATen/core/Generator.h>
#include <c10/core/Device.h>

#include <functional>
#include <memory>

namespace ornstein {

class DeviceGraph {
 public:
  virtual ~DeviceGraph() = default;
  // Draws of the generator, and of the device's default one, begin where these stand now.
  virtual void replay() = 0;
};

// Does `work` twice, so that libraries set themselves up, and records it; what it added up is then
// of no use. All of it must be on the device: one form whatever the data, no number read by the
// host, nothing from the host's memory. Between calls `generator` may be seeded anew. TORCH_CHECK
// fails in a build without CUDA.
std::unique_ptr<DeviceGraph> record_graph(const at::Device& device, at::Generator& generator,
                                          const std::function<void()>& work);

}  // namespace ornstein
