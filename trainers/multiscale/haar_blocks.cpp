#include "trainers/multiscale/haar_blocks.h"

#include "framework/math/wavelet.h"

namespace ornstein::multiscale {

at::Tensor to_blocks(const at::Tensor& x, int64_t levels) {
  if (levels == 0) return x;
  const WaveletBands bands = wavelet_forward(haar(), x);
  const at::Tensor details = bands.details.unflatten(1, {x.size(1), 3});
  const at::Tensor upper = at::cat({to_blocks(bands.low, levels - 1), details.select(2, 1)}, 3);
  const at::Tensor lower = at::cat({details.select(2, 0), details.select(2, 2)}, 3);
  return at::cat({upper, lower}, 2);
}

at::Tensor to_image(const at::Tensor& blocks, int64_t levels) {
  if (levels == 0) return blocks;
  const int64_t h = blocks.size(2) / 2, w = blocks.size(3) / 2;
  const auto quadrant = [&](int64_t row, int64_t column) {
    return blocks.narrow(2, row * h, h).narrow(3, column * w, w);
  };
  const at::Tensor details =
      at::stack({quadrant(1, 0), quadrant(0, 1), quadrant(1, 1)}, 2).flatten(1, 2);
  return wavelet_inverse(haar(), {to_image(quadrant(0, 0), levels - 1), details});
}

at::Tensor block_numbers(int64_t height, int64_t width, int64_t levels) {
  at::Tensor numbers = at::zeros({height, width}, at::kLong);
  for (int64_t level = 1; level <= levels; ++level)
    numbers.narrow(0, 0, height >> level).narrow(1, 0, width >> level).fill_(level);
  return numbers;
}

}  // namespace ornstein::multiscale
