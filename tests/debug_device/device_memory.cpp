#include "tests/debug_device/device_memory.h"

#include <sys/mman.h>

#include <bit>
#include <mutex>
#include <set>
#include <unordered_map>

#include "tests/debug_device/debug_device.h"

namespace ornstein::debug_device {
namespace {

constexpr size_t kAddresses = size_t{1} << 34;  // bytes, of which few are ever touched

char* reserve(int protection) {
  void* pages =
      ::mmap(nullptr, kAddresses, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  TORCH_CHECK(pages != MAP_FAILED, "the debug device cannot reserve its addresses");
  return static_cast<char*>(pages);
}

// Blocks of powers of two; a freed one serves the next tensor of its size.
struct Memory {
  std::mutex mutex;
  char* const closed = reserve(PROT_NONE);
  char* const open = reserve(PROT_READ | PROT_WRITE);
  size_t used = 0, alive = 0, limit = SIZE_MAX;
  std::unordered_map<void*, size_t> bytes;                // asked for, by address
  std::unordered_map<size_t, std::vector<void*>> unused;  // by size
  std::set<const void*> pinned;
};

Memory& memory() {
  static auto* const all = new Memory;  // tensors outlive what is static
  return *all;
}

size_t size_of_block(size_t bytes) { return std::bit_ceil(std::max<size_t>(bytes, 64)); }

void release(void* address) {
  if (address == nullptr) return;
  Memory& all = memory();
  const std::lock_guard lock(all.mutex);
  const auto found = all.bytes.find(address);
  all.alive -= found->second;
  all.unused[size_of_block(found->second)].push_back(address);
  all.bytes.erase(found);
}

class DeviceAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    const auto device = c10::impl::getDeviceGuardImpl(kType)->getDevice();
    if (bytes == 0) return {nullptr, nullptr, &release, device};
    Memory& all = memory();
    const std::lock_guard lock(all.mutex);
    TORCH_CHECK_WITH(OutOfMemoryError, all.alive + bytes <= all.limit, "debug device: ", bytes,
                     " bytes beside ", all.alive, " of ", all.limit);
    const size_t size = size_of_block(bytes);
    std::vector<void*>& unused = all.unused[size];
    void* address = all.closed + all.used;
    if (unused.empty()) {
      all.used += size;
      TORCH_CHECK(all.used <= kAddresses, "the debug device has no addresses left");
    } else {
      address = unused.back();
      unused.pop_back();
    }
    all.bytes[address] = bytes;
    all.alive += bytes;
    return {address, address, &release, device};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    std::memcpy(bytes_of(to), bytes_of(from), bytes);
  }
};

class PinnedAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* data = ::operator new(bytes, std::align_val_t(64));
    const std::lock_guard lock(memory().mutex);
    memory().pinned.insert(data);
    return {data, data, &unpin, c10::kCPU};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &unpin; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }

 private:
  static void unpin(void* data) {
    const std::lock_guard lock(memory().mutex);
    memory().pinned.erase(data);
    ::operator delete(data, std::align_val_t(64));
  }
};

}  // namespace

c10::Allocator* device_allocator() {
  static DeviceAllocator allocator;
  return &allocator;
}

void limit_memory(int64_t bytes) { memory().limit = static_cast<size_t>(bytes); }

char* bytes_of(const void* address) {
  const auto place = static_cast<const char*>(address) - memory().closed;
  TORCH_CHECK(0 <= place && place < static_cast<int64_t>(kAddresses), "no address of the device");
  return memory().open + place;
}

c10::Allocator* pinned_allocator() {
  static PinnedAllocator allocator;
  return &allocator;
}

bool is_pinned(const void* data) {
  const std::lock_guard lock(memory().mutex);
  return memory().pinned.contains(data);
}

}  // namespace ornstein::debug_device
