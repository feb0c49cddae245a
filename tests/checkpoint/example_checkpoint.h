// A small checkpoint with every type, a scalar, an empty tensor and a NaN.
#pragma once

#include <limits>

#include "framework/checkpoint/checkpoint_file.h"

namespace ornstein {

inline Checkpoint example_checkpoint(int64_t step = 1000) {
  Checkpoint checkpoint;
  checkpoint.config = R"({"trainer": {"name": "score"}})";
  checkpoint.data_spec = R"({"kind": "points"})";
  checkpoint.step = step;
  checkpoint.samples = 64 * step;
  checkpoint.seed = 0xfedcba9876543210;
  checkpoint.updates = {{"backward", step / 2}, {"forward", step}};
  checkpoint.tensors = {
      {"/ema/0.1/net/conv1.weight", at::linspace(-1, 1, 24).view({4, 6})},
      {"/optimizer/net/conv1.weight/exp_avg", at::full({4, 6}, 0.5)},
      {"/state/counts", at::arange(5)},
      {"/state/empty", at::empty({0, 3})},
      {"/state/exact", at::tensor({0.1, std::numeric_limits<double>::quiet_NaN()}, at::kDouble)},
      {"/state/mask", at::tensor({1, 0, 1}).to(at::kBool)},
      {"/state/pixels", at::arange(7).to(at::kByte)},
      {"/state/scale", at::scalar_tensor(2.5)},
      {"/trainer/net/conv1.weight", at::linspace(0, 3, 24).view({4, 6})},
  };
  return checkpoint;
}

}  // namespace ornstein
