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

// Points x [N, D] of a space, as float32.
class PointsOnSpace final : public Dataset {
 public:
  PointsOnSpace(std::string space, const at::Tensor& x)
      : space_(std::move(space)), x_(x.to(at::kFloat)) {}
  DataSpec spec() const override {
    return {.kind = "points", .space = space_, .rows = x_.size(0), .shape = {x_.size(1)}};
  }
  Batch rows(const at::Tensor& indices) const override { return {x_.index_select(0, indices)}; }

 private:
  std::string space_;
  at::Tensor x_;
};

}  // namespace ornstein
