// Clouds of points as tensors, ragged ones padded.
#pragma once

#include "framework/data/dataset.h"

namespace ornstein {

class MemoryClouds final : public Dataset {
 public:
  // x [N, P, D] float32; mask [N, P] bool and labels [N] int64 in 0..classes-1, if any.
  explicit MemoryClouds(at::Tensor x, at::Tensor mask = {}, at::Tensor labels = {},
                        int64_t classes = 0)
      : all_{.x = std::move(x), .labels = std::move(labels), .mask = std::move(mask)},
        classes_(classes) {}

  DataSpec spec() const override {
    return {.kind = "point_clouds",
            .rows = all_.x.size(0),
            .classes = classes_,
            .shape = all_.x[0].sizes().vec()};
  }
  Batch rows(const at::Tensor& indices) const override { return all_.rows(indices); }
  Batch all() const { return all_; }

 private:
  Batch all_;
  int64_t classes_;
};

}  // namespace ornstein
