// Grids, functions and random networks on them, float64.
#pragma once

#include <gtest/gtest.h>

#include "framework/base/random.h"
#include "framework/nn/network.h"

namespace ornstein {

// x_j = j / n, on the circle of length 1.
inline at::Tensor circle_points(int64_t n) { return at::arange(n, at::kDouble) / n; }

// Both ends of [0, 1].
inline at::Tensor interval_points(int64_t n) { return at::linspace(0, 1, n, at::kDouble); }

// Axes [n] (and [m]) -> [n, 1] or [n, m, 2].
inline at::Tensor grid_of(const std::vector<at::Tensor>& axes) {
  return at::stack(at::meshgrid(axes, "ij"), -1);
}

inline NetworkShape on_circles(int64_t dimensions) {
  return {.input = std::vector<int64_t>(dimensions + 1, 1),
          .outputs = 1,
          .dimensions = dimensions,
          .extent = std::vector<double>{0, 1, 0, 1},
          .period = std::vector<double>(dimensions, 1)};
}

inline NetworkShape on_intervals(int64_t dimensions) {
  NetworkShape shape = on_circles(dimensions);
  shape.period.clear();
  return shape;
}

inline Network network_of(const std::string& json, NetworkShape shape) {
  shape.extent.resize(2 * shape.dimensions);
  const auto configuration = Configuration::from_text(json, "test");
  const Network network = make_network(configuration->root().section("network"), shape);
  configuration->refuse_unknown_keys();
  return network;
}

// In float64, with what starts at zero drawn like the rest.
inline Network random_network(const std::string& json, const NetworkShape& shape) {
  seed_default_generators(3);
  const Network network = network_of(json, shape);
  network.module->to(at::kDouble);
  at::NoGradGuard no_grad;
  for (const NamedTensor& p : parameters_of(network))
    if (p.tensor.count_nonzero().item<int64_t>() == 0)
      p.tensor.normal_().div_(std::sqrt(static_cast<double>(p.tensor.size(-1))));
  return network;
}

// u [1, 1, n(, m)] at time 0.3 -> [n(, m)].
inline at::Tensor output_of(const Network& network, const at::Tensor& u, const at::Tensor& grid) {
  at::NoGradGuard no_grad;
  return network.call(u.unsqueeze(0).unsqueeze(0), at::full({1}, 0.3, u.options()),
                      {.coordinates = grid})[0][0];
}

inline double relative_error(const at::Tensor& a, const at::Tensor& exact) {
  return ((a - exact).norm() / exact.norm()).item<double>();
}

// That `call` throws Error with `text` in its message.
template <class Error, class Call>
void expect_refusal(const Call& call, const std::string& text) {
  try {
    call();
    ADD_FAILURE() << "nothing thrown, not \"" << text << "\"";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
  }
}

}  // namespace ornstein
