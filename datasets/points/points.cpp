// The kind `points`: what the program is given of it.
#include <filesystem>

#include "datasets/points/csv.h"
#include "datasets/points/picture.h"
#include "datasets/points/points_dataset.h"
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
  return open_twin(twin_name(files), dataset.integer("rows", kTwinRows, 6));
}

void import_tables(const std::vector<std::string>& sources, const std::string& output) {
  std::vector<at::Tensor> tables;
  std::vector<std::string> names;
  for (const std::string& path : sources) {
    tables.push_back(read_csv(path));
    names.push_back(std::filesystem::path(path).filename());
    if (tables.back().size(1) != tables[0].size(1))
      throw DataError(fmt::format("{}: has rows of {} numbers ({} has rows of {})", path,
                                  tables.back().size(1), sources[0], tables[0].size(1)));
  }
  write_data_file(output, "points", [&](Hdf5File& file) {
    file.write_attribute("/", "space", "euclidean");
    file.write_attribute("/", "source", fmt::format("{}", fmt::join(names, ", ")));
    file.write("/points", at::cat(tables));
  });
}

void import_sources(const std::vector<std::string>& sources, const std::string& output,
                    const ImportOptions& options) {
  if (sources.empty())
    throw DataError("no source to make points from (a table of numbers is needed)");
  if (options.size != 0 || options.grey)
    throw DataError("points have no pixels (size and grey are for images) leave them out");
  if (!options.settings.empty())
    throw ConfigError(
        fmt::format("--set {} (points have keys as a twin only, synthetic:NAME) leave "
                    "it out",
                    options.settings[0]));
  import_tables(sources, output);
}

void write(const Batch& samples, const DataSpec& spec, Hdf5File& file) {
  file.write_attribute("/", "space", spec.space);
  file.write("/points", samples.x.to(at::kFloat).cpu());
  if (samples.labels.defined()) file.write("/labels", samples.labels.cpu());
}

void draw(const Batch& samples, const DataSpec& spec, const std::string& png) {
  write_png(png, scatter(samples.x));
}

}  // namespace

void register_with(DatasetFactory& factory) {
  factory.add("points", "rows of D coordinates: Euclidean, spheres, tori, binary, simplex", "", [] {
    DataKind kind;
    kind.open = open;
    for (const Twin& twin : twins()) kind.twins.push_back(twin.name);
    kind.sources = "tables of numbers (csv, one point a line), or one synthetic:NAME";
    kind.import = import_sources;
    kind.write = write;
    kind.draw = draw;
    return kind;
  });
}

}  // namespace ornstein::points
