#include "framework/nn/time_embedding.h"

#include <cmath>

namespace ornstein {

at::Tensor TimeFeatures::operator()(const at::Tensor& t) const {
  const at::Tensor time = t.is_floating_point() ? t : t.to(at::kFloat);
  // Made afresh on t's device: a stored tensor would have to follow the parameters there.
  const at::Tensor frequencies = at::linspace(log_first, log_last, pairs, time.options()).exp_();
  const at::Tensor angles = time.unsqueeze(1) * frequencies;
  return cosine_first ? at::cat({angles.cos(), angles.sin()}, 1)
                      : at::cat({angles.sin(), angles.cos()}, 1);
}

TimeFeatures geometric_features(int64_t pairs, double lowest, double highest) {
  TORCH_CHECK(pairs > 0 && lowest > 0 && highest >= lowest,
              "time features need pairs and 0 < lowest <= highest");
  return {pairs, std::log(lowest), std::log(highest), false};
}

TimeFeatures positional_features(int64_t size, bool cosine_first, double shift) {
  TORCH_CHECK(size >= 2 && size % 2 == 0, "positional time features need an even size, not ", size);
  const int64_t pairs = size / 2;
  TORCH_CHECK(shift < pairs, "a shift of ", shift, " leaves no frequencies to ", pairs, " pairs");
  const double last = -std::log(10000.0) * (pairs - 1) / (pairs - shift);
  return {pairs, 0.0, last, cosine_first};
}

TimeFeatures read_geometric_features(const ConfigReader& section, int64_t pairs, double lowest,
                                     double highest) {
  pairs = section.integer("time_pairs", pairs, 1);
  const std::vector<double> range =
      section.numbers("time_frequencies", std::vector<double>{lowest, highest});
  if (range.size() != 2 || range[0] <= 0 || range[1] < range[0])
    section.fail("time_frequencies", "not two frequencies [lowest, highest] above zero");
  return geometric_features(pairs, range[0], range[1]);
}

TimeEmbedding::TimeEmbedding(int64_t features, int64_t channels)
    : linear_1_(register_module("linear_1", torch::nn::Linear(features, channels))),
      linear_2_(register_module("linear_2", torch::nn::Linear(channels, channels))) {}

at::Tensor TimeEmbedding::forward(const at::Tensor& features) {
  return linear_2_(at::silu(linear_1_(features)));
}

}  // namespace ornstein
