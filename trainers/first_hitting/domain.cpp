#include "trainers/first_hitting/domain.h"

namespace ornstein::first_hitting {

at::Tensor uniform_directions(int64_t rows, int64_t dimension, at::Generator& generator) {
  const at::Tensor noise =
      at::randn({rows, dimension}, generator, at::device(generator.device()).dtype(at::kDouble));
  return noise / noise.norm(2, 1, /*keepdim=*/true);
}

}  // namespace ornstein::first_hitting
