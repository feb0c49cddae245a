#include "framework/base/hash.h"

#include <xxhash.h>

namespace ornstein {

uint64_t hash_of(const at::Tensor& tensor) {
  const at::Tensor bytes = tensor.detach().cpu().contiguous();
  return XXH3_64bits(bytes.const_data_ptr(), bytes.nbytes());
}

uint64_t hash_of(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

}  // namespace ornstein
