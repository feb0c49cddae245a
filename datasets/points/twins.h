// Laws whose densities are known: what a model learnt from their samples can be held against. Those
// of the plane are:
//
//   gaussian          mean (1, -1/2), covariance ((1, 0.8), (0.8, 1.5))
//   gaussian_mixture  eight equal Gaussians of std 1/4 on the circle of radius 2
//   swiss_roll        theta (cos theta, sin theta) / 5 + noise of std 0.1 with
//                     theta = 1.5 pi (1 + 2u), u uniform on [0, 1]; entropy 1.9653 nats
//   two_moons         two half circles of radius 1, the second turned over and moved by (1, 1/2);
//                     uniform in angle, noise of std 0.1
//   checkerboard      uniform on eight unit squares of [-2, 2]^2; entropy log 8
//
// The density of a noisy curve is the integral of a Gaussian along it; here by Gauss-Legendre
// quadrature, to a relative error below 1e-7. Those of curved spaces are in space_twins.h, the
// binary ones in ising.h and communities.h.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ornstein::points {

struct Twin {
  std::string name;
  std::function<at::Tensor(int64_t rows, at::Generator& generator)> sample;  // [rows, D] float64
  std::function<at::Tensor(const at::Tensor& x)> log_density;  // [b, D] float64 -> [b], nats
  std::string space = "euclidean";
};

// All of them; `ising` of size 3 at beta 0.3.
std::vector<Twin> twins();

// Throws DataError when there is none of that name.
Twin find_twin(const std::string& name);

}  // namespace ornstein::points
