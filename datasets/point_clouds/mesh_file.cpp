#include "datasets/point_clouds/mesh_file.h"

#include <assimp/postprocess.h>
#include <assimp/scene.h>

#include <assimp/Importer.hpp>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "framework/base/errors.h"

namespace ornstein::point_clouds {

bool is_mesh_file(const std::string& path) {
  std::string ending = std::filesystem::path(path).extension();
  for (char& letter : ending)
    letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return ending == ".obj" || ending == ".ply" || ending == ".stl" || ending == ".off";
}

namespace {

// Assimp believes the counts of a file's header: it would make room for all of them, and puts
// another vertex where a face of an OFF file names one that is not there.
void refuse_impossible_counts(const std::string& path) {
  std::ifstream file(path);
  std::string line, word;
  std::getline(file, line);
  int64_t vertices = 0, faces = 0;
  const bool ply = line.starts_with("ply"), off = line.starts_with("OFF");
  if (ply) {
    while (std::getline(file, line) && !line.starts_with("end_header")) {
      std::string kind;
      int64_t count = 0;
      if (std::istringstream(line) >> word >> kind >> count && word == "element")
        (kind == "vertex" ? vertices : faces) += count;
    }
  } else if (off) {
    std::string counts = line.substr(3);
    while (counts.find_first_not_of(" \t\r") == std::string::npos || counts[0] == '#')
      if (!std::getline(file, counts)) return;
    std::istringstream(counts) >> vertices >> faces;
  }
  const auto bytes = static_cast<int64_t>(std::filesystem::file_size(path));
  if (vertices > bytes || faces > bytes)
    throw DataError(
        fmt::format("{}: cannot be read as a mesh (it says {} vertices and {} faces, in "
                    "{} bytes) replace it",
                    path, vertices, faces, bytes));
  if (!off) return;
  const auto content = [&] {
    while (std::getline(file, line))
      if (line.find_first_not_of(" \t\r") != std::string::npos && line[0] != '#') return true;
    return false;
  };
  for (int64_t i = 0; i < vertices; ++i)
    if (!content()) return;
  for (int64_t i = 0; i < faces && content(); ++i) {
    std::istringstream corners(line);
    int64_t count = 0, corner = 0;
    corners >> count;
    for (int64_t k = 0; k < count && corners >> corner; ++k)
      if (corner < 0 || corner >= vertices)
        throw DataError(
            fmt::format("{}: cannot be read as a mesh (face {} has vertex {} of {}) "
                        "replace it",
                        path, i, corner, vertices));
  }
}

}  // namespace

Mesh read_mesh(const std::string& path) {
  refuse_impossible_counts(path);
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
