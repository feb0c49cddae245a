#include "datasets/points/spaces.h"

#include <functional>
#include <map>
#include <numbers>

namespace ornstein::points {
namespace {

constexpr double kTolerance = 1e-4;  // single precision and a few operations

struct Space {
  std::string description;
  std::function<at::Tensor(const at::Tensor& x)> lies_on;  // [b, D] float64 -> [b] bool
};

const std::map<std::string, Space>& spaces() {
  static const std::map<std::string, Space> all = {
      {"euclidean",
       {"finite in single precision, without NaN",
        [](const at::Tensor& x) { return x.isfinite().all(1); }}},
      {"sphere",
       {"a unit vector",
        [](const at::Tensor& x) { return (x.norm(2, 1) - 1).abs() <= kTolerance; }}},
      {"torus",
       {"angles in radians, at most one turn from zero",
        [](const at::Tensor& x) { return (x.abs() <= 2 * std::numbers::pi + kTolerance).all(1); }}},
      {"binary",
       {"zeros and ones", [](const at::Tensor& x) { return (x == 0).logical_or(x == 1).all(1); }}},
      {"simplex",
       {"non-negative numbers of sum one",
        [](const at::Tensor& x) {
          return (x >= 0).all(1).logical_and((x.sum(1) - 1).abs() <= kTolerance);
        }}},
  };
  return all;
}

}  // namespace

std::vector<std::string> known_spaces() {
  std::vector<std::string> names;
  for (const auto& [name, space] : spaces()) names.push_back(name);
  return names;
}

int64_t first_row_off(const std::string& space, const at::Tensor& x) {
  const at::Tensor off = at::nonzero(spaces().at(space).lies_on(x.to(at::kDouble)).logical_not());
  return off.numel() > 0 ? off[0].item<int64_t>() : -1;
}

std::string description(const std::string& space) { return spaces().at(space).description; }

}  // namespace ornstein::points
