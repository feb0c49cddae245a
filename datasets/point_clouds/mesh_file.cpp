#include "datasets/point_clouds/mesh_file.h"

#include <assimp/postprocess.h>
#include <assimp/scene.h>

#include <assimp/Importer.hpp>
#include <cctype>
#include <filesystem>

#include "framework/base/errors.h"

namespace ornstein::point_clouds {

bool is_mesh_file(const std::string& path) {
  std::string ending = std::filesystem::path(path).extension();
  for (char& letter : ending)
    letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return ending == ".obj" || ending == ".ply" || ending == ".stl" || ending == ".off";
}

Mesh read_mesh(const std::string& path) {
  Assimp::Importer importer;
  const aiScene* scene =
      importer.ReadFile(path, aiProcess_Triangulate | aiProcess_PreTransformVertices);
  if (scene == nullptr)
    throw DataError(fmt::format("{}: cannot be read as a mesh ({})", path,
                                std::string_view(importer.GetErrorString())));
  std::vector<double> vertices;
  std::vector<int64_t> triangles;
  for (const aiMesh* part : std::span(scene->mMeshes, scene->mNumMeshes)) {
    const auto first = static_cast<int64_t>(vertices.size() / 3);
    for (const aiVector3D& vertex : std::span(part->mVertices, part->mNumVertices))
      vertices.insert(vertices.end(), {vertex.x, vertex.y, vertex.z});
    for (const aiFace& face : std::span(part->mFaces, part->mNumFaces)) {
      if (face.mNumIndices != 3) continue;
      for (const unsigned corner : std::span(face.mIndices, 3)) triangles.push_back(first + corner);
    }
  }
  return {at::tensor(vertices, at::kDouble).view({-1, 3}),
          at::tensor(triangles, at::kLong).view({-1, 3})};
}

}  // namespace ornstein::point_clouds
