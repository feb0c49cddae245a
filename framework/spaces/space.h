// Spaces that points lie on: Euclidean space, spheres S^d, tori T^d, rotations SO(n), hyperbolic
// space H^d, and products of these. A space is a value that satisfies the concept
// RiemannianSpace; `Space` is the one chosen at run time by the name in DataSpec.space.
//
// Points are rows of ambient numbers, x [b, D], float32 or float64; tangent vectors v [b, D] are in
// the same coordinates. Volume is that of the space's own metric, and likelihoods are in nats
// against it (a product has the product of the volumes).
//
//   name        D      rows                                   metric               volume
//   euclidean   d      any numbers                            |v|^2                infinite
//   sphere      d + 1  unit vectors                           |v|^2                |S^d|
//   torus       d      angles in radians                      |v|^2                (2 pi)^d
//   so3, so4..  n^2    rotations, row by row                  tr(v^T v)/2: angles  so3: 8 pi^2
//   hyperbolic  d + 1  x_0^2 = 1 + x_1^2 + ..., x_0 > 0       -v_0^2 + v_1^2 + ..  infinite
//   product:sphere3,torus2,so39   NAME and D of each factor, numbers one after the other
// `binary` (binary.h) has no geometry: it only says what lies on it.
//
// One clock: Brownian motion has generator one half of the Laplacian and runs for a time tau [b]
// (or a scalar). Per tangent direction its variance grows as tau, and an eigenfunction of
// eigenvalue lambda decays as exp(-lambda tau / 2). A schedule is a change of clock.
//
// De Bortoli et al. 2022, arXiv:2202.02763; Huang et al. 2022, arXiv:2208.07949.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <concepts>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "framework/spaces/euclidean.h"
#include "framework/spaces/heat_kernel.h"
#include "framework/spaces/hyperbolic.h"
#include "framework/spaces/rotations.h"
#include "framework/spaces/sphere.h"
#include "framework/spaces/torus.h"

namespace ornstein {

// What a space offers. All of it works row by row; exp, log, distance, transport, tangent and
// lowered are differentiable, also at distance zero.
template <class S>
concept RiemannianSpace = requires(const S& space, const at::Tensor& x, const at::Tensor& y,
                                   const at::Tensor& v, const at::Tensor& tau, int64_t rows,
                                   at::Generator& generator, const at::TensorOptions& options) {
  { space.name() } -> std::same_as<std::string>;
  { space.dimension() } -> std::same_as<int64_t>;  // d
  { space.ambient() } -> std::same_as<int64_t>;    // D
  { space.compact() } -> std::same_as<bool>;
  { space.log_volume() } -> std::same_as<double>;  // nats; infinite where not compact

  // Points. How far rows are off the space [b], 0 on it, NaN where a number is; and the point of
  // the space beside x (each header says which).
  { space.defect(x) } -> std::same_as<at::Tensor>;
  { space.project(x) } -> std::same_as<at::Tensor>;

  // Tangent vectors at x. `tangent` is the projection that is orthogonal in the metric; <u, v> =
  // sum of u_i lowered(v)_i; `frame` is orthonormal, [b, d, D].
  { space.tangent(x, v) } -> std::same_as<at::Tensor>;
  { space.lowered(v) } -> std::same_as<at::Tensor>;
  { space.frame(x) } -> std::same_as<at::Tensor>;

  // Isotropic tangent noise: tangent_from is linear in noise [b, noise_size()] and smooth in x, and
  // gives unit variance in each tangent direction to independent noise of unit variance.
  { space.noise_size() } -> std::same_as<int64_t>;
  { space.tangent_from(x, v) } -> std::same_as<at::Tensor>;

  // Geodesics. log is a shortest vector with exp(x, log(x, y)) = y; on a cut locus it is one of
  // several. transport carries v from x to y along that geodesic.
  { space.exp(x, v) } -> std::same_as<at::Tensor>;
  { space.log(x, y) } -> std::same_as<at::Tensor>;
  { space.distance(x, y) } -> std::same_as<at::Tensor>;  // [b]
  { space.transport(x, y, v) } -> std::same_as<at::Tensor>;

  // The law that noise ends in: uniform where compact, else the wrapped normal exp_o(s N(0, I))
  // about the origin, s the space's reference_std. Its density and that one's gradient.
  { space.reference_sample(rows, generator, options) } -> std::same_as<at::Tensor>;
  { space.reference_log_density(x) } -> std::same_as<at::Tensor>;  // [b]
  { space.reference_score(x) } -> std::same_as<at::Tensor>;

  // Brownian motion from x for a time tau. Exact draws where draws_exactly(); else a geodesic
  // random walk of the number of steps given last.
  { space.draws_exactly() } -> std::same_as<bool>;
  { space.brownian(x, tau, generator, rows) } -> std::same_as<at::Tensor>;

  // log p_tau(x | y) and its Riemannian gradient in x; carries no graph.
  { space.heat_kernel(x, y, tau) } -> std::same_as<HeatKernel>;
};

using Factor = std::variant<Euclidean, Sphere, Torus, Rotations, Hyperbolic>;

// The product of one or more factors: log densities and log volumes are sums, all else is joined.
class Space {
 public:
  explicit Space(std::vector<Factor> factors);

  const std::vector<Factor>& factors() const { return factors_; }

  std::string name() const;  // as in DataSpec.space: make_space(name(), ambient()) is this one
  int64_t dimension() const;
  int64_t ambient() const { return ambient_; }
  bool compact() const;
  double log_volume() const;

  at::Tensor defect(const at::Tensor& x) const;  // the largest of the factors'
  at::Tensor project(const at::Tensor& x) const;
  at::Tensor tangent(const at::Tensor& x, const at::Tensor& v) const;
  at::Tensor lowered(const at::Tensor& v) const;
  at::Tensor frame(const at::Tensor& x) const;
  int64_t noise_size() const;
  at::Tensor tangent_from(const at::Tensor& x, const at::Tensor& noise) const;
  at::Tensor exp(const at::Tensor& x, const at::Tensor& v) const;
  at::Tensor log(const at::Tensor& x, const at::Tensor& y) const;
  at::Tensor distance(const at::Tensor& x, const at::Tensor& y) const;
  at::Tensor transport(const at::Tensor& x, const at::Tensor& y, const at::Tensor& v) const;
  at::Tensor reference_sample(int64_t rows, at::Generator& generator,
                              const at::TensorOptions& options) const;
  at::Tensor reference_log_density(const at::Tensor& x) const;
  at::Tensor reference_score(const at::Tensor& x) const;
  bool draws_exactly() const;
  at::Tensor brownian(const at::Tensor& x, const at::Tensor& tau, at::Generator& generator,
                      int64_t steps) const;
  HeatKernel heat_kernel(const at::Tensor& x, const at::Tensor& y, const at::Tensor& tau) const;

 private:
  std::vector<Factor> factors_;
  int64_t ambient_ = 0;
};

// Of the name and size of DataSpec: make_space(spec.space, spec.shape[0]); an empty name is
// euclidean. `reference_std` is that of the non-compact factors. DataError where there is no such
// space, or none with geometry, or its rows have another size.
Space make_space(const std::string& name, int64_t ambient, double reference_std = 1);

// Names that make_space takes alone, for messages: euclidean, sphere, ...
const std::vector<std::string>& geometric_space_names();

// <u, v> and <v, v> in the metric, [b].
template <class S>
at::Tensor inner(const S& space, const at::Tensor& u, const at::Tensor& v) {
  return (u * space.lowered(v)).sum(-1);
}
template <class S>
at::Tensor squared_norm(const S& space, const at::Tensor& v) {
  return inner(space, v, v);
}

}  // namespace ornstein
