// The kind `points`: what the program is given of it.
#include "datasets/points/ising.h"
#include "datasets/points/points_dataset.h"
#include "datasets/points/points_import.h"
#include "datasets/points/space_picture.h"
#include "datasets/points/twins.h"
#include "framework/base/errors.h"
#include "framework/data/data_file.h"
#include "framework/data/dataset_factory.h"
#include "framework/data/png_file.h"

namespace ornstein::points {
namespace {

constexpr std::string_view kSynthetic = "synthetic:";

bool any_twin(const std::vector<std::string>& sources) {
  return std::any_of(sources.begin(), sources.end(),
                     [](const std::string& source) { return source.starts_with(kSynthetic); });
}

// The NAME of the only source, synthetic:NAME.
std::string twin_name(const std::vector<std::string>& sources) {
  if (sources.size() > 1)
    throw DataError(
        fmt::format("{}: a twin stands alone (not beside other sources)", fmt::join(sources, " ")));
  return sources[0].substr(kSynthetic.size());
}

DataSource open(const std::vector<std::string>& files, const ConfigReader& dataset) {
  if (!any_twin(files)) return open_files(files);
  const std::string name = twin_name(files);
  const int64_t rows = dataset.integer("rows", kTwinRows, 6);
  if (name != "ising") return open_twin(name, rows);
  return open_twin(ising(dataset.integer("size", kIsingSize, kLeastIsing, kMostIsing),
                         dataset.number("beta", kIsingBeta, -1, 1)),
                   rows);
}

void write(const Batch& samples, const DataSpec& spec, Hdf5File& file) {
  file.write_attribute("/", "space", spec.space);
  file.write("/points", samples.x.to(at::kFloat).cpu());
  if (samples.labels.defined()) file.write("/labels", samples.labels.cpu());
}

void draw(const Batch& samples, const DataSpec& spec, const std::string& png) {
  write_png(png, picture_on_space(spec.space, samples.x));
}

}  // namespace

void register_with(DatasetFactory& factory) {
  factory.add(
      "points",
      "rows of D coordinates: Euclidean, spheres, tori, rotations, hyperbolic, binary, simplex", "",
      [] {
        DataKind kind;
        kind.open = open;
        for (const Twin& twin : twins()) kind.twins.push_back(twin.name);
        kind.sources =
            "tables of numbers (csv, one point a line), lists of graphs, or one synthetic:NAME";
        kind.import = import_points;
        kind.write = write;
        kind.draw = draw;
        return kind;
      });
}

}  // namespace ornstein::points
