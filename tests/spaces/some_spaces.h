// The spaces that every test of geometry runs over, and random points of them.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "framework/base/random.h"
#include "framework/spaces/random_walk.h"
#include "framework/spaces/space.h"

namespace ornstein {

inline std::vector<Space> some_spaces() {
  std::vector<Space> spaces;
  for (const Factor& factor :
       {Factor(Euclidean{3}), Factor(Sphere{1}), Factor(Sphere{2}), Factor(Sphere{5}),
        Factor(Torus{3}), Factor(Rotations{2}), Factor(Rotations{3}), Factor(Rotations{4}),
        Factor(Hyperbolic{1}), Factor(Hyperbolic{2}), Factor(Hyperbolic{4})})
    spaces.push_back(Space({factor}));
  spaces.push_back(make_space("product:sphere3,torus2,so39,hyperbolic3", 17));
  return spaces;
}

inline at::Tensor points(const Space& space, int64_t rows, uint64_t seed,
                         at::ScalarType type = at::kDouble) {
  at::Generator generator = make_generator(seed);
  return space.reference_sample(rows, generator, at::TensorOptions(type));
}

// Tangent at x, of about this length.
inline at::Tensor vectors(const Space& space, const at::Tensor& x, double length, uint64_t seed) {
  at::Generator generator = make_generator(seed);
  return tangent_noise(space, x, generator) *
         (length / std::sqrt(static_cast<double>(space.dimension())));
}

inline double largest(const at::Tensor& t) { return t.abs().max().item<double>(); }

}  // namespace ornstein
