// The Riemannian divergence of a tangent field V, row by row. With J the Jacobian of V as a
// function of ambient numbers, extended off the space in any smooth way, and e_i an orthonormal
// frame,
//   div V = sum_i <e_i, J e_i> = E <z, J z>,  z isotropic tangent noise of unit variance.
// The metric <.,.> of every space here is constant in ambient coordinates, and what J e_i has
// normal to the space does not count: no extension needs to be chosen. The ambient trace of J is
// something else (De Bortoli et al. 2022, arXiv:2202.02763, app. F).
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/math/divergence.h"
#include "framework/spaces/space.h"

namespace ornstein {

// Value and divergence without a graph; with one, to the field's parameters, where the divergence
// is part of a loss (implicit score matching).
enum class Graph { none, kept };

// Exact: d backward passes.
FieldWithDivergence exact_divergence(const Space& space, const VectorField& field,
                                     const at::Tensor& x, Graph graph = Graph::none);

// Unbiased, one backward pass: z = tangent_from(x, noise), noise [b, noise_size()] of independent
// signs or normals (Hutchinson 1990). Along an ODE keep the noise fixed.
FieldWithDivergence hutchinson_divergence(const Space& space, const VectorField& field,
                                          const at::Tensor& x, const at::Tensor& noise,
                                          Graph graph = Graph::none);

}  // namespace ornstein
