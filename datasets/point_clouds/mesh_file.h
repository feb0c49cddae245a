// Meshes on disk, read by the Open Asset Import Library (assimp).
#pragma once

#include <string>

#include "datasets/point_clouds/surface.h"

namespace ornstein::point_clouds {

bool is_mesh_file(const std::string& path);  // by its ending: .obj, .ply, .stl, .off

// All meshes of a file as one, polygons cut into triangles, lines and points left out. Materials
// are not read. Throws DataError naming the file when it cannot be read; a mesh without triangles
// is none of its business (degeneracy(), surface.h).
Mesh read_mesh(const std::string& path);

}  // namespace ornstein::point_clouds
