#include "framework/nn/point_features.h"

namespace ornstein {

at::Tensor PointFeatures::operator()(const at::Tensor& x) const {
  return at::cat({x, waves(x.flatten()).view({x.size(0), x.size(1), -1})}, -1);
}

PointFeatures read_point_features(const ConfigReader& section) {
  const int64_t pairs = section.integer("point_pairs", 6, 1);
  const std::vector<double> range =
      section.numbers("point_frequencies", std::vector<double>{1, 16});
  if (range.size() != 2 || range[0] <= 0 || range[1] < range[0])
    section.fail("point_frequencies", "not two frequencies [lowest, highest] above zero");
  return {geometric_features(pairs, range[0], range[1])};
}

}  // namespace ornstein
