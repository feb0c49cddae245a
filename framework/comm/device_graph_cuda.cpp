// device_graph.h of a build with CUDA, by LibTorch's CUDAGraph.
#include "framework/comm/device_graph.h"

#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>

namespace ornstein {
namespace {

// Older LibTorch is told which generators a graph draws from, newer finds out.
template <class Generator>
void announce(Generator& generator, at::cuda::CUDAGraph& graph) {
  if constexpr (requires { generator.register_graph(&graph); }) generator.register_graph(&graph);
}

class CudaGraph final : public DeviceGraph {
 public:
  CudaGraph(at::Generator& generator, const std::function<void()>& work) {
    // Recording is not allowed on the default stream.
    c10::cuda::getCurrentCUDAStream().synchronize();
    // One for all graphs, so that each finds the memory that the ones before left unused.
    static const auto stream = c10::cuda::getStreamFromPool();
    {
      const c10::cuda::CUDAStreamGuard guard(stream);
      work();
      work();
      stream.synchronize();
      c10::cuda::CUDACachingAllocator::emptyCache();  // while it records it cannot
      announce(*at::check_generator<at::CUDAGeneratorImpl>(generator), graph_);
      // Of this thread alone: the loader and NCCL's watchdog go on with their own calls.
      graph_.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
      record(work);
      graph_.capture_end();
    }
    stream.synchronize();
  }

  void replay() override { graph_.replay(); }

 private:
  void record(const std::function<void()>& work) {
    try {
      work();
    } catch (...) {
      const std::exception_ptr failure = std::current_exception();
      try {  // the thread would go on recording
        graph_.capture_end();
      } catch (const std::exception&) {
      }
      std::rethrow_exception(failure);
    }
  }

  at::cuda::CUDAGraph graph_;
};

}  // namespace

std::unique_ptr<DeviceGraph> record_graph(const at::Device& device, at::Generator& generator,
                                          const std::function<void()>& work) {
  TORCH_CHECK(device.is_cuda(), "no graphs on ", device);
  return std::make_unique<CudaGraph>(generator, work);
}

}  // namespace ornstein
