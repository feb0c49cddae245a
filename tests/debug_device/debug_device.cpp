#include "tests/debug_device/debug_device.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/EmptyTensor.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/unfold_native.h>
#include <ATen/ops/view_as_complex_native.h>
#include <ATen/ops/view_as_real_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <atomic>
#include <set>

#include "framework/base/random.h"
#include "tests/debug_device/device_memory.h"

namespace ornstein::debug_device {
namespace {

int device_count = 0;
std::atomic<int64_t> asynchronous_count{0};
std::atomic<int> recordings{0};  // backward passes run on threads of their own
thread_local bool on_behalf_of_device = false;
thread_local c10::DeviceIndex current = 0;

c10::Device own(c10::Device device) {
  return {kType, device.index() < 0 ? current : device.index()};
}

// Everything is done at once: one stream, events that have always happened.
class Guard final : public c10::impl::DeviceGuardImplInterface {
 public:
  c10::DeviceType type() const override { return kType; }
  c10::Device exchangeDevice(c10::Device device) const override {
    return {kType, std::exchange(current, own(device).index())};
  }
  c10::Device getDevice() const override { return {kType, current}; }
  void setDevice(c10::Device device) const override { current = own(device).index(); }
  void uncheckedSetDevice(c10::Device device) const noexcept override { setDevice(device); }
  c10::Stream getStream(c10::Device device) const override {
    return c10::Stream(c10::Stream::DEFAULT, own(device));
  }
  c10::Stream getDefaultStream(c10::Device device) const override { return getStream(device); }
  c10::Stream exchangeStream(c10::Stream stream) const override { return stream; }
  void record(void**, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override {}
  void synchronizeEvent(void*) const override {}
  void synchronizeDevice(c10::DeviceIndex) const override {}
  c10::DeviceIndex deviceCount() const noexcept override {
    return static_cast<c10::DeviceIndex>(device_count);
  }
};
C10_REGISTER_GUARD_IMPL(CUDA, Guard)

// Draws what a CPU generator seeded with the same key draws.
class DebugGenerator final : public c10::GeneratorImpl {
 public:
  DebugGenerator(c10::DeviceIndex index, at::Generator inner)
      : c10::GeneratorImpl({kType, index}, c10::DispatchKeySet(c10::DispatchKey::CUDA)),
        inner_(std::move(inner)) {}

  at::Generator inner() const { return inner_; }
  void set_current_seed(uint64_t key) override { seed_generator(inner_, key); }
  uint64_t current_seed() const override { return inner_.current_seed(); }
  uint64_t seed() override { return inner_.seed(); }
  void set_offset(uint64_t) override { TORCH_CHECK(false, "set_offset"); }
  uint64_t get_offset() const override { TORCH_CHECK(false, "get_offset"); }
  void set_state(const c10::TensorImpl&) override { TORCH_CHECK(false, "set_state"); }
  c10::intrusive_ptr<c10::TensorImpl> get_state() const override {
    TORCH_CHECK(false, "get_state");
  }

 private:
  DebugGenerator* clone_impl() const override {
    return new DebugGenerator(device().index(), inner_.clone());
  }
  at::Generator inner_;
};

// LibTorch finds it by this name.
class CUDAHooks final : public at::CUDAHooksInterface {
 public:
  explicit CUDAHooks(at::CUDAHooksArgs) {}
  void init() const override {}
  bool hasCUDA() const override { return device_count > 0; }
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return hasCUDA(); }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return hasCUDA(); }
  int getNumGPUs() const override { return device_count; }
  c10::DeviceIndex deviceCount() const override {
    return static_cast<c10::DeviceIndex>(device_count);
  }
  c10::DeviceIndex current_device() const override { return current; }
  c10::DeviceIndex getCurrentDevice() const override { return current; }
  void setCurrentDevice(c10::DeviceIndex device) const override { current = device; }
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex device) const override {
    return std::exchange(current, device);
  }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex device) const override {
    return exchangeDevice(device);
  }
  void deviceSynchronize(c10::DeviceIndex) const override {}
  const at::Generator& getDefaultGenerator(c10::DeviceIndex index) const override {
    static const std::vector<at::Generator> generators = [this] {
      std::vector<at::Generator> made;
      for (int i = 0; i < device_count; ++i)
        made.push_back(getNewGenerator(static_cast<c10::DeviceIndex>(i)));
      return made;
    }();
    return generators.at(index < 0 ? current : index);
  }
  at::Generator getNewGenerator(c10::DeviceIndex index) const override {
    return at::make_generator<DebugGenerator>(index, at::make_generator<at::CPUGeneratorImpl>());
  }
  bool isPinnedPtr(const void* data) const override { return is_pinned(data); }
  c10::Allocator* getPinnedMemoryAllocator() const override { return pinned_allocator(); }
};
using at::CUDAHooksRegistry;
using at::RegistererCUDAHooksRegistry;
REGISTER_CUDA_HOOKS(CUDAHooks);

constexpr auto kKeys = c10::DispatchKeySet(c10::DispatchKey::CUDA);

at::Tensor empty(at::IntArrayRef size, std::optional<at::ScalarType> type,
                 std::optional<at::Layout>, std::optional<at::Device> device, std::optional<bool>,
                 std::optional<at::MemoryFormat> format) {
  const c10::DeviceGuard guard(own(device.value_or(c10::Device(kType))));
  return at::detail::empty_generic(size, device_allocator(), kKeys, c10::dtype_or_default(type),
                                   format);
}

at::Tensor empty_strided(at::IntArrayRef size, at::IntArrayRef stride,
                         std::optional<at::ScalarType> type, std::optional<at::Layout>,
                         std::optional<at::Device> device, std::optional<bool>) {
  const c10::DeviceGuard guard(own(device.value_or(c10::Device(kType))));
  return at::detail::empty_strided_generic(size, stride, device_allocator(), kKeys,
                                           c10::dtype_or_default(type));
}

const at::Tensor& resize(const at::Tensor& self, at::IntArrayRef size,
                         std::optional<at::MemoryFormat>) {
  if (self.sizes() == size) return self;  // it may be a view
  auto* impl = self.unsafeGetTensorImpl();
  impl->set_sizes_contiguous(size);
  const size_t bytes = (self.storage_offset() + impl->numel()) * self.itemsize();
  if (bytes > self.storage().nbytes()) {
    TORCH_CHECK(self.storage().nbytes() == 0, "the debug device grows empty tensors only");
    const c10::DeviceGuard guard(self.device());
    self.storage().set_data_ptr_noswap(device_allocator()->allocate(bytes));
    self.storage().set_nbytes(bytes);
  }
  return self;
}

// The same memory as a CPU tensor.
at::Tensor on_the_processor(const at::Tensor& tensor) {
  if (tensor.is_cpu()) return tensor;
  at::Tensor same =
      at::from_blob(bytes_of(tensor.storage().data()) +
                        tensor.storage_offset() * static_cast<int64_t>(tensor.itemsize()),
                    tensor.sizes(), tensor.strides(), at::TensorOptions(tensor.scalar_type()));
  if (tensor.is_conj()) same = same._conj();
  if (tensor.is_neg()) same = same._neg_view();
  return same;
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool non_blocking) {
  if (from.numel() == 0) return to;
  const bool pinned = from.is_cpu() && is_pinned(from.storage().data());
  TORCH_CHECK(recordings == 0 || on_behalf_of_device || (!from.is_cpu() && !to.is_cpu()),
              "a copy between host and device while a graph is recorded");
  if (non_blocking && pinned) ++asynchronous_count;
  on_the_processor(to).copy_(on_the_processor(from));
  return to;
}

at::Tensor& copy(at::Tensor& to, const at::Tensor& from, bool non_blocking) {
  copy_from(from.expand_as(to), to, non_blocking);
  return to;
}

at::Tensor copy_from_and_resize(const at::Tensor& from, const at::Tensor& to) {
  to.resize_(from.sizes());
  return copy_from(from, to, false);
}

// Operations whose index tensors may lie on the host, as on CUDA.
const std::set<std::string> kTakeHostIndices = {"aten::index", "aten::index_put_",
                                                "aten::_index_put_impl_", "aten::index_put"};

// Operations that keep the host waiting: a number, or a shape that depends on values.
const std::set<std::string> kTellTheHost = {
    "aten::_local_scalar_dense", "aten::equal",    "aten::nonzero",
    "aten::masked_select",       "aten::_unique2", "aten::is_nonzero"};

struct OnBehalfOfDevice {
  OnBehalfOfDevice() { on_behalf_of_device = true; }
  ~OnBehalfOfDevice() { on_behalf_of_device = false; }
};

void refuse_host_tensor(const c10::OperatorHandle& operation, const at::Tensor& tensor) {
  TORCH_CHECK(!tensor.defined() || !tensor.is_cpu() || tensor.dim() == 0,
              operation.schema().operator_name(), ": a CPU tensor of shape ", tensor.sizes(),
              " beside tensors of a device");
}

void fall_back(const c10::OperatorHandle& operation, torch::jit::Stack* stack) {
  const std::string& name = operation.schema().name();
  TORCH_CHECK(recordings == 0 || !kTellTheHost.contains(name), name, " while a graph is recorded");
  const size_t arguments = operation.schema().arguments().size();
  const bool host_indices = recordings == 0 && kTakeHostIndices.contains(name);
  for (size_t i = stack->size() - arguments; i < stack->size(); ++i) {
    c10::IValue& value = (*stack)[i];
    if (value.isTensor()) {
      refuse_host_tensor(operation, value.toTensor());
    } else if (value.isTensorList()) {
      for (const at::Tensor& tensor : value.toTensorVector()) refuse_host_tensor(operation, tensor);
    } else if (value.isOptionalTensorList() && !host_indices) {
      for (const std::optional<at::Tensor>& tensor : value.toOptionalTensorVector())
        if (tensor) refuse_host_tensor(operation, *tensor);
    } else if (value.isGenerator()) {
      const at::Generator generator = value.toGenerator();
      TORCH_CHECK(generator.device().type() == kType, operation.schema().operator_name(),
                  ": a generator of ", generator.device());
      value = static_cast<DebugGenerator*>(generator.unsafeGetGeneratorImpl())->inner();
    } else if (value.isNone() &&
               operation.schema().arguments()[i - (stack->size() - arguments)].name() ==
                   "generator") {
      // Draws from the device's own.
      value = static_cast<DebugGenerator*>(
                  at::globalContext().defaultGenerator({kType, current}).unsafeGetGeneratorImpl())
                  ->inner();
    }
  }
  const OnBehalfOfDevice here;
  at::native::cpu_fallback(operation, stack, /*error_on_views=*/true);
}

TORCH_LIBRARY_IMPL(_, CUDA, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&fall_back>());
}

TORCH_LIBRARY_IMPL(aten, CUDA, library) {
  library.impl("empty.memory_format", &empty);
  library.impl("empty_strided", &empty_strided);
  library.impl("resize_", &resize);
  library.impl("copy_", &copy);
  library.impl("_copy_from", &copy_from);
  library.impl("_copy_from_and_resize", &copy_from_and_resize);
  library.impl("as_strided", &at::native::as_strided_tensorimpl);
  library.impl("view", &at::native::view);
  library.impl("_reshape_alias", &at::native::_reshape_alias);
  library.impl("unfold", &at::native::unfold);
  library.impl("view_as_real", &at::native::view_as_real);
  library.impl("view_as_complex", &at::native::view_as_complex);
}

}  // namespace

void install(int devices, int64_t bytes) {
  device_count = devices;
  limit_memory(bytes);
}

int64_t asynchronous_copies() { return asynchronous_count; }

Recording::Recording() { ++recordings; }
Recording::~Recording() { --recordings; }

}  // namespace ornstein::debug_device
