// device_graph.h of debug devices: the work is done anew at each replay, and like a CUDA graph's
// neither reads nor writes the host's memory.
#include "framework/comm/device_graph.h"

#include "tests/debug_device/debug_device.h"

namespace ornstein {
namespace {

class DebugGraph final : public DeviceGraph {
 public:
  explicit DebugGraph(std::function<void()> work) : work_(std::move(work)) {}
  void replay() override {
    const debug_device::Recording without_host;
    work_();
  }

 private:
  const std::function<void()> work_;
};

}  // namespace

std::unique_ptr<DeviceGraph> record_graph(const at::Device& device, at::Generator&,
                                          const std::function<void()>& work) {
  TORCH_CHECK(device.type() == debug_device::kType, "no graphs on ", device);
  work();
  work();
  auto graph = std::make_unique<DebugGraph>(work);
  graph->replay();
  return graph;
}

}  // namespace ornstein
