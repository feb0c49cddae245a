// Memory of the debug device. A tensor's address lies in pages that nobody may touch; its bytes lie
// at the same place of other pages.
#pragma once

#include <c10/core/Allocator.h>

#include <cstdint>

namespace ornstein::debug_device {

// Throws c10::OutOfMemoryError beyond the limit.
c10::Allocator* device_allocator();
void limit_memory(int64_t bytes);

// Where the bytes of an address of the device lie.
char* bytes_of(const void* address);

// Ordinary memory that it remembers.
c10::Allocator* pinned_allocator();
bool is_pinned(const void* data);

}  // namespace ornstein::debug_device
