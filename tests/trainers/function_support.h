// What the tests of function_diffusion share.
#pragma once

#include "trainers/function_diffusion/function_space.h"

namespace ornstein::function_diffusion {

inline SpaceSettings with_kernel(const std::string& name, double length, double period = 0) {
  SpaceSettings settings;
  settings.noise = {.name = name, .length = length};
  if (period > 0) settings.noise.period = {period};
  return settings;
}

inline double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

}  // namespace ornstein::function_diffusion
