// How a network is told the time: sines and cosines of t, then a two-layer perceptron.
//   features(t) = [sin(f_1 t), ..., sin(f_n t), cos(f_1 t), ..., cos(f_n t)]
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>

#include "framework/config/config_reader.h"

namespace ornstein {

// The features; they have no parameters.
struct TimeFeatures {
  int64_t pairs = 0;
  double log_first = 0, log_last = 0;  // of the frequencies, which are geometric between the two
  bool cosine_first = false;

  int64_t size() const { return 2 * pairs; }
  at::Tensor operator()(const at::Tensor& t) const;  // t [B] -> [B, 2 pairs]
};

// Frequencies from `lowest` to `highest`, both reached, in radians per unit of t. For t = log
// sigma.
TimeFeatures geometric_features(int64_t pairs, double lowest, double highest);

// Ho et al. 2020 (arXiv:2006.11239) in the form of diffusers' Timesteps: f_k = 10000^(-k / (n -
// shift)), k = 0..n-1, for t in 0..1000. `size` is even; `cosine_first` is diffusers'
// flip_sin_to_cos.
TimeFeatures positional_features(int64_t size, bool cosine_first, double shift);

// Reads the keys of geometric features:
//   time_pairs         `pairs`               number of sine/cosine pairs
//   time_frequencies   [`lowest`, `highest`] radians per unit of t
TimeFeatures read_geometric_features(const ConfigReader& section, int64_t pairs, double lowest,
                                     double highest);

// linear_2(SiLU(linear_1(features))): [B, features] -> [B, channels].
class TimeEmbedding : public torch::nn::Module {
 public:
  TimeEmbedding(int64_t features, int64_t channels);
  at::Tensor forward(const at::Tensor& features);

 private:
  torch::nn::Linear linear_1_, linear_2_;
};

}  // namespace ornstein
