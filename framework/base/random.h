// Randomness as a function of keys: no generator state is ever saved. Noise and times of a shard
// are keyed by (seed, step, shard), a sample block by (seed, block), a permutation by (seed,
// epoch); any world size draws the same.
#pragma once

#include <ATen/core/Generator.h>

#include <cstdint>
#include <initializer_list>

namespace ornstein {

// What a stream is for; part of its key, so that no two uses of the same numbers share noise.
enum class Stream : uint64_t {
  kShard,
  kStep,
  kInitialisation,
  kEpoch,
  kSample,
  kRows,
  kSplit,
  kTwin
};

// A 64-bit key mixed (splitmix64) from a stream and its numbers.
uint64_t random_key(Stream stream, std::initializer_list<uint64_t> numbers);

// Puts `generator` at the start of the key's stream. LibTorch's CPU generator uses 32 bits of a
// seed only; here all 64 reach its state. CUDA generators take the key as their Philox seed.
void seed_generator(at::Generator& generator, uint64_t key);

at::Generator make_generator(uint64_t key, const at::Device& device = at::kCPU);

// Seeds LibTorch's default CPU generator (and the CUDA device's): what dropout and parameter
// initialisation draw from.
void seed_default_generators(uint64_t key, const at::Device& device = at::kCPU);

// permutation(key)[i] of 0..n-1 in O(1) memory: a Feistel network on the next power of four, walked
// until inside.
int64_t permuted(uint64_t key, int64_t n, int64_t i);

}  // namespace ornstein
