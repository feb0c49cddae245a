// Functions on one grid, or on grids of their own, as tensors.
#pragma once

#include "framework/data/dataset.h"

namespace ornstein {

// n points of [0, 1], both ends among them; [n, 1] float32.
inline at::Tensor unit_interval(int64_t n) { return at::linspace(0, 1, n).unsqueeze(1); }

// j/n of a circle of length 1; [n, 1] float32.
inline at::Tensor unit_circle(int64_t n) {
  return (at::arange(n, at::kDouble) / static_cast<double>(n)).to(at::kFloat).unsqueeze(1);
}

class MemoryFunctions final : public Dataset {
 public:
  // x [N, C, n(, m)] float32 on coordinates [n, 1] or [n, m, 2], spacing regular; condition [N, K],
  // if any.
  MemoryFunctions(at::Tensor x, at::Tensor coordinates, std::vector<double> period = {},
                  at::Tensor condition = {})
      : x_(std::move(x)),
        coordinates_(std::move(coordinates)),
        period_(std::move(period)),
        condition_(std::move(condition)) {}

  DataSpec spec() const override {
    DataSpec spec{.kind = "functions", .rows = x_.size(0), .shape = x_[0].sizes().vec()};
    if (condition_.defined()) spec.condition = condition_.size(1);
    spec.period = period_;
    for (int64_t axis = 0; axis < coordinates_.size(-1); ++axis) {
      const at::Tensor along = coordinates_.select(-1, axis);
      const double low = along.min().item<double>(), high = along.max().item<double>();
      spec.extent.insert(spec.extent.end(), {low, high});
      spec.spacing.push_back((high - low) / static_cast<double>(coordinates_.size(axis) - 1));
    }
    return spec;
  }

  Batch rows(const at::Tensor& indices) const override {
    Batch batch{x_.index_select(0, indices)};
    batch.coordinates = coordinates_;
    if (condition_.defined()) batch.condition = condition_.index_select(0, indices);
    return batch;
  }

 private:
  at::Tensor x_, coordinates_;
  std::vector<double> period_;
  at::Tensor condition_;
};

// Two sets of one dimension as one: rows padded, with coordinates of their own and a mask.
class MixedFunctions final : public Dataset {
 public:
  MixedFunctions(MemoryFunctions first, MemoryFunctions second, float padding = 0)
      : parts_{std::move(first), std::move(second)}, padding_(padding) {}

  DataSpec spec() const override {
    const DataSpec a = parts_[0].spec(), b = parts_[1].spec();
    DataSpec spec = a;
    spec.rows += b.rows;
    spec.shape[1] = std::max(a.shape[1], b.shape[1]);
    spec.extent = {std::min(a.extent[0], b.extent[0]), std::max(a.extent[1], b.extent[1])};
    spec.spacing = {std::max(a.spacing[0], b.spacing[0])};
    return spec;
  }

  Batch rows(const at::Tensor& indices) const override {
    const int64_t n = spec().shape[1], first = parts_[0].spec().rows;
    std::vector<at::Tensor> x, coordinates, mask;
    for (int64_t i = 0; i < indices.size(0); ++i) {
      const int64_t row = indices[i].item<int64_t>();
      const Batch one =
          parts_[row < first ? 0 : 1].rows(at::tensor({row < first ? row : row - first}));
      const int64_t missing = n - one.x.size(2);
      x.push_back(at::constant_pad_nd(one.x, {0, missing}, padding_));
      coordinates.push_back(at::constant_pad_nd(one.coordinates, {0, 0, 0, missing}).unsqueeze(0));
      mask.push_back((at::arange(n) < one.x.size(2)).unsqueeze(0));
    }
    Batch batch{at::cat(x)};
    batch.coordinates = at::cat(coordinates);
    batch.mask = at::cat(mask);
    return batch;
  }

 private:
  std::vector<MemoryFunctions> parts_;
  float padding_;
};

}  // namespace ornstein
