#include "datasets/point_clouds/mesh_import.h"

#include <filesystem>
#include <fstream>

#include "datasets/point_clouds/mesh_file.h"
#include "datasets/point_clouds/normalisation.h"
#include "framework/base/errors.h"
#include "framework/base/hash.h"
#include "framework/base/log.h"
#include "framework/base/random.h"
#include "framework/data/data_file.h"

namespace ornstein::point_clouds {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kMostAttribution = 60000;  // bytes: an HDF5 attribute ends at 64 kB

struct Source {
  std::string path;
  std::string name;    // below the source
  std::string folder;  // of the label; empty without
};

struct Settings {
  int64_t points;
  uint64_t seed;
  std::string normalise, licence, attribution;
  bool z_up, skip;
};

Settings settings_of(const ConfigReader& dataset) {
  Settings settings{.points = dataset.integer("points", 2048, 1),
                    .seed = static_cast<uint64_t>(dataset.integer("seed", 0, 0)),
                    .normalise = dataset.choice("normalise", "shape_unit", normalisations()),
                    .licence = dataset.text("licence", ""),
                    .z_up = dataset.choice("up", "y", {"y", "z"}) == "z",
                    .skip = dataset.flag("skip", false)};
  const std::string path = dataset.text("attribution", "");
  if (path.empty()) return settings;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  settings.attribution = text.str();
  if (!file || settings.attribution.empty() || settings.attribution.size() > kMostAttribution)
    dataset.fail("attribution",
                 fmt::format("{} cannot be read, is empty, or has more than {} bytes", path,
                             kMostAttribution));
  return settings;
}

// The meshes, in the order of their paths within each source.
std::vector<Source> find_meshes(const std::vector<std::string>& sources) {
  std::vector<Source> found;
  for (const std::string& source : sources) {
    if (!fs::is_directory(source)) {
      if (!is_mesh_file(source))
        throw DataError(fmt::format("{}: is no mesh (obj, ply, stl and off are read)", source));
      found.push_back({source, fs::path(source).filename(), ""});
      continue;
    }
    std::vector<fs::path> paths;
    for (const auto& entry : fs::recursive_directory_iterator(source))
      if (entry.is_regular_file() && is_mesh_file(entry.path())) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    if (paths.empty())
      throw DataError(fmt::format("{}: holds no mesh (obj, ply, stl and off are read)", source));
    for (const fs::path& path : paths) {
      const fs::path name = path.lexically_relative(source);
      found.push_back({path, name, name.has_parent_path() ? name.begin()->string() : ""});
    }
  }
  auto loose = [](const Source& source) { return source.folder.empty(); };
  const auto without = std::find_if(found.begin(), found.end(), loose);
  const auto with = std::find_if_not(found.begin(), found.end(), loose);
  if (without != found.end() && with != found.end())
    throw DataError(
        fmt::format("{} is in no class ({} is in one) put all meshes into sub-folders, or none",
                    without->path, with->path));
  return found;
}

// [P, 3] float64, y up, in the mesh's own unit.
at::Tensor cloud_of(const Source& source, const Settings& settings) {
  const Mesh mesh = read_mesh(source.path);
  const std::string problem = degeneracy(mesh);
  if (!problem.empty())
    throw DataError(fmt::format(
        "{}: {} (points are drawn from the surface) drop it, or leave such meshes out by "
        "--set dataset.skip=true",
        source.path, problem));
  auto generator = make_generator(random_key(Stream::kRows, {settings.seed, hash_of(source.name)}));
  const at::Tensor points = sample_surface(mesh, settings.points, generator);
  if (!settings.z_up) return points;
  const auto axes = points.unbind(1);
  return at::stack({axes[0], axes[2], -axes[1]}, 1);
}

// [N, L] uint8, padded with zeros.
at::Tensor names_of(const std::vector<Source>& sources) {
  size_t longest = 1;
  for (const Source& source : sources) longest = std::max(longest, source.name.size());
  at::Tensor names = at::zeros({std::ssize(sources), static_cast<int64_t>(longest)}, at::kByte);
  for (int64_t i = 0; i < std::ssize(sources); ++i)
    std::copy(sources[i].name.begin(), sources[i].name.end(), names[i].mutable_data_ptr<uint8_t>());
  return names;
}

std::vector<std::string> folders_of(const std::vector<Source>& sources) {
  std::vector<std::string> folders;
  for (const Source& source : sources) folders.push_back(source.folder);
  return folders;
}

}  // namespace

void import_meshes(const std::vector<std::string>& sources, const std::string& output,
                   const ImportOptions& options) {
  if (sources.empty()) throw DataError("no source to make clouds from (a mesh or a folder)");
  if (options.size != 0 || options.grey)
    throw ConfigError("clouds have no pixels (--size and --grey are for images) leave them out");
  const auto configuration = Configuration::from_text("{}", "data import", options.settings);
  const Settings settings = settings_of(configuration->root().section("dataset"));
  configuration->refuse_unknown_keys();

  const std::vector<Source> meshes = find_meshes(sources);
  std::vector<Source> taken;
  std::vector<at::Tensor> clouds;
  std::string refused;  // the last
  for (const Source& mesh : meshes) {
    try {
      clouds.push_back(cloud_of(mesh, settings));
      taken.push_back(mesh);
    } catch (const DataError& error) {
      if (!settings.skip) throw;
      refused = error.what();
    }
  }
  const int64_t skipped = std::ssize(meshes) - std::ssize(taken);
  if (taken.empty()) throw DataError(fmt::format("{} (and no other mesh is left)", refused));
  if (skipped > 0)
    log_info(fmt::format("{} of {} meshes were left out (dataset.skip), the last one: {}", skipped,
                         meshes.size(), refused));

  const at::Tensor points = at::stack(clouds);
  const Normalisation normalisation = normalisation_of(points, settings.normalise);
  write_data_file(output, "point_clouds", [&](Hdf5File& file) {
    file.write("/points", normalised(points, normalisation).to(at::kFloat));
    file.write("/shift", normalisation.shift);
    file.write("/scale", normalisation.scale);
    file.write("/names", names_of(taken));
    if (!taken[0].folder.empty()) write_classes(folders_of(taken), file);
    std::vector<std::string> names;
    for (const std::string& source : sources)
      names.push_back(
          fs::path(fs::absolute(source).lexically_normal() / "").parent_path().filename());
    file.write_attribute("/", "source", fmt::format("{}", fmt::join(names, ", ")));
    file.write_attribute("/", "normalisation", settings.normalise);
    if (skipped > 0) file.write_attribute("/", "skipped", skipped);
    if (!settings.licence.empty()) file.write_attribute("/", "licence", settings.licence);
    if (!settings.attribution.empty())
      file.write_attribute("/", "attribution", settings.attribution);
  });
}

}  // namespace ornstein::point_clouds
