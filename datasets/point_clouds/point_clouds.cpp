// The kind `point_clouds`: what the program is given of it.
#include "datasets/point_clouds/cloud_dataset.h"
#include "datasets/point_clouds/cloud_file.h"
#include "datasets/point_clouds/cloud_picture.h"
#include "datasets/point_clouds/mesh_import.h"
#include "datasets/point_clouds/twins.h"
#include "framework/base/errors.h"
#include "framework/data/dataset_factory.h"
#include "framework/data/png_file.h"

namespace ornstein::point_clouds {
namespace {

constexpr std::string_view kSynthetic = "synthetic:";

DataSource open(const std::vector<std::string>& files, const ConfigReader& dataset) {
  for (const std::string& file : files) {
    if (!file.starts_with(kSynthetic)) continue;
    if (files.size() > 1)
      throw DataError(fmt::format("{}: a twin stands alone (not beside other files)", file));
    return open_twin(file.substr(kSynthetic.size()), dataset);
  }
  return open_files(files, cloud_settings(dataset));
}

}  // namespace

void register_with(DatasetFactory& factory) {
  factory.add("point_clouds", "unordered points of surfaces and shapes, ragged or not", "", [] {
    DataKind kind;
    kind.open = open;
    kind.twins = twin_names();
    kind.sources =
        "meshes (OBJ, PLY, STL, OFF) or folders of them (sub-folders become labels), or "
        "one synthetic:NAME";
    kind.import = import_meshes;
    kind.write = [](const Batch& samples, const DataSpec&, Hdf5File& file) {
      write_clouds(samples, file);
    };
    kind.draw = [](const Batch& samples, const DataSpec&, const std::string& png) {
      write_png(png, clouds_from_two_views(samples.x, samples.mask));
    };
    return kind;
  });
}

}  // namespace ornstein::point_clouds
