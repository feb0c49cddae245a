// A data set that is a tensor.
#pragma once

#include "framework/data/dataset.h"

namespace ornstein {

class MemoryDataset final : public Dataset {
 public:
  // x [N, ...] float32; labels [N] int64 in 0..classes-1, if any.
  MemoryDataset(std::string kind, at::Tensor x, at::Tensor labels = {}, int64_t classes = 0)
      : kind_(std::move(kind)), x_(std::move(x)), labels_(std::move(labels)), classes_(classes) {}

  DataSpec spec() const override {
    return {.kind = kind_,
            .space = kind_ == "points" ? "euclidean" : "",
            .rows = x_.size(0),
            .classes = classes_,
            .shape = x_[0].sizes().vec()};
  }
  Batch rows(const at::Tensor& indices) const override {
    Batch batch{x_.index_select(0, indices)};
    if (labels_.defined()) batch.labels = labels_.index_select(0, indices);
    return batch;
  }

 private:
  std::string kind_;
  at::Tensor x_, labels_;
  int64_t classes_;
};

}  // namespace ornstein
