#include "framework/base/random.h"

#include <ATen/CPUGeneratorImpl.h>

namespace ornstein {
namespace {

uint64_t splitmix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

uint64_t random_key(Stream stream, std::initializer_list<uint64_t> numbers) {
  uint64_t key = splitmix64(static_cast<uint64_t>(stream) + 1);
  for (uint64_t number : numbers) key = splitmix64(splitmix64(key) + number);
  return key;
}

void seed_generator(at::Generator& generator, uint64_t key) {
  std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_current_seed(key);
  if (generator.device().type() != at::kCPU) return;
  auto* cpu = at::check_generator<at::CPUGeneratorImpl>(generator);
  at::mt19937 engine(0);
  at::mt19937_data_pod state = engine.data();
  for (size_t i = 0; i < state.state_.size(); ++i) {
    state.state_[i] = static_cast<uint32_t>(splitmix64(key + i) >> 32);
  }
  engine.set_data(state);
  cpu->set_engine(engine);
}

at::Generator make_generator(uint64_t key, const at::Device& device) {
  auto generator = device.is_cpu() ? at::make_generator<at::CPUGeneratorImpl>()
                                   : at::globalContext().defaultGenerator(device).clone();
  seed_generator(generator, key);
  return generator;
}

void seed_default_generators(uint64_t key, const at::Device& device) {
  auto cpu = at::globalContext().defaultGenerator(at::kCPU);
  seed_generator(cpu, key);
  if (device.is_cpu()) return;
  auto other = at::globalContext().defaultGenerator(device);
  seed_generator(other, key);
}

int64_t permuted(uint64_t key, int64_t n, int64_t i) {
  TORCH_CHECK(0 <= i && i < n, "permuted: ", i, " is not in 0..", n - 1);
  int half_bits = 1;
  while ((int64_t{1} << (2 * half_bits)) < n) ++half_bits;
  const uint64_t mask = (uint64_t{1} << half_bits) - 1;
  uint64_t value = static_cast<uint64_t>(i);
  do {
    uint64_t left = value >> half_bits, right = value & mask;
    for (uint64_t round = 0; round < 6; ++round) {
      const uint64_t mixed = splitmix64(key ^ splitmix64(right ^ (round << 56))) & mask;
      const uint64_t next = left ^ mixed;
      left = right;
      right = next;
    }
    value = (left << half_bits) | right;
  } while (value >= static_cast<uint64_t>(n));
  return static_cast<int64_t>(value);
}

}  // namespace ornstein
