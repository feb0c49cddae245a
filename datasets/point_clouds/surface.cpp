#include "datasets/point_clouds/surface.h"

namespace ornstein::point_clouds {
namespace {

constexpr double kLeastArea = 1e-12;  // in squares of the longest side

// The corners a, b, c of triangles, [T, 3] each.
std::array<at::Tensor, 3> corners(const Mesh& mesh, const at::Tensor& triangles) {
  std::array<at::Tensor, 3> points;
  for (int64_t i = 0; i < 3; ++i)
    points[i] = mesh.vertices.index_select(0, triangles.select(1, i).contiguous());
  return points;
}

}  // namespace

at::Tensor triangle_areas(const Mesh& mesh) {
  const auto [a, b, c] = corners(mesh, mesh.triangles);
  return at::linalg_cross(b - a, c - a, 1).norm(2, 1) / 2;
}

std::string degeneracy(const Mesh& mesh) {
  if (mesh.triangles.size(0) == 0) return "has no triangle";
  if (!mesh.vertices.isfinite().all().item<bool>()) return "has a vertex that is not finite";
  const at::Tensor used = mesh.vertices.index_select(0, mesh.triangles.flatten());
  const double side = (used.amax(0) - used.amin(0)).max().item<double>();
  const double area = triangle_areas(mesh).sum().item<double>();
  if (!(area > kLeastArea * side * side)) return "has no surface (area 0)";
  return {};
}

at::Tensor sample_surface(const Mesh& mesh, int64_t count, at::Generator& generator) {
  const at::Tensor below = triangle_areas(mesh).cumsum(0);  // [T], of all triangles up to each
  const double area = below[-1].item<double>();
  TORCH_CHECK(area > 0, "a mesh without a surface has no points to draw");
  const at::Tensor place = at::rand({count}, generator, at::kDouble) * area;
  const at::Tensor which = at::searchsorted(below, place, /*out_int32=*/false, /*right=*/true)
                               .clamp_max(below.size(0) - 1);
  const auto [a, b, c] = corners(mesh, mesh.triangles.index_select(0, which));
  const at::Tensor root = at::rand({count, 1}, generator, at::kDouble).sqrt();
  const at::Tensor share = at::rand({count, 1}, generator, at::kDouble);
  return (1 - root) * a + root * (1 - share) * b + root * share * c;
}

}  // namespace ornstein::point_clouds
