// Triangle meshes, and points drawn uniformly from their surface.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace ornstein::point_clouds {

struct Mesh {
  at::Tensor vertices;   // [V, 3] float64, in the file's own unit
  at::Tensor triangles;  // [T, 3] int64, into vertices
};

at::Tensor triangle_areas(const Mesh& mesh);  // [T]

// What makes a mesh useless, or empty: no triangle, a vertex that is not finite, or a surface
// smaller than 1e-12 of its longest side squared (points, lines, one place).
std::string degeneracy(const Mesh& mesh);

// [count, 3] float64, independent and uniform on the surface: a triangle by its area, then
// (1 - sqrt u) a + sqrt u (1 - v) b + sqrt u v c (Osada et al. 2002, Shape distributions, sec.
// 3.1). The mesh must not be degenerate.
at::Tensor sample_surface(const Mesh& mesh, int64_t count, at::Generator& generator);

}  // namespace ornstein::point_clouds
