#include "datasets/functions/function_import.h"

#include <filesystem>

#include "datasets/functions/csv_curves.h"
#include "datasets/functions/domain_settings.h"
#include "datasets/functions/function_file.h"
#include "datasets/functions/netcdf_file.h"
#include "datasets/functions/npy_file.h"
#include "framework/base/errors.h"
#include "framework/data/data_file.h"
#include "framework/data/grids.h"

namespace ornstein::functions {
namespace {

enum class Format { kCsv, kNpy, kNetcdf };

Format format_of(const std::string& path) {
  if (is_npy_file(path)) return Format::kNpy;
  return is_netcdf_file(path) ? Format::kNetcdf : Format::kCsv;
}

// [N, C, n] or [N, C, n, m] of an array that may lack channels.
std::vector<int64_t> with_channels(const NpyFile& file, const ConfigReader& settings) {
  const int64_t axes = std::ssize(file.shape);
  auto is = fmt::format("{} is [{}]", file.path, fmt::join(file.shape, ", "));
  if (axes < 2 || axes > 4 || c10::multiply_integers(file.shape) == 0)
    throw DataError(is + " ([N, n], [N, C, n], [N, n, m] or [N, C, n, m] is needed)");
  if (axes == 3 && !settings.has("dimensions"))
    settings.fail("dimensions", fmt::format("is not set, and {} (1: channels of curves, [N, C, n]; "
                                            "2: fields, [N, n, m])",
                                            is));
  const int64_t dimensions = settings.integer("dimensions", axes == 4 ? 2 : 1, 1, 2);
  std::vector<int64_t> shape = file.shape;
  if (axes == dimensions + 1) shape.insert(shape.begin() + 1, 1);
  if (std::ssize(shape) != dimensions + 2)
    settings.fail("dimensions", fmt::format("is {}, and {}", dimensions, is));
  return shape;
}

}  // namespace

void import_functions(const std::vector<std::string>& sources, const std::string& output,
                      const ImportOptions& options) {
  if (sources.empty())
    throw DataError("no source to make functions from (a table, an array or a NetCDF file)");
  if (options.size != 0 || options.grey)
    throw ConfigError("functions have no pixels (--size and --grey are for images) leave them out");
  for (const std::string& path : sources)
    if (format_of(path) != format_of(sources[0]))
      throw DataError(
          fmt::format("{}: is of another format than {} (one data file has one) import "
                      "them apart",
                      path, sources[0]));
  const auto configuration = Configuration::from_text("{}", "data import", options.settings);
  const ConfigReader settings = configuration->root().section("dataset");
  const Format format = format_of(sources[0]);
  const Fill fill = format == Format::kCsv   ? csv_functions(sources, settings)
                    : format == Format::kNpy ? npy_functions(sources, settings)
                                             : netcdf_functions(sources, settings);
  configuration->refuse_unknown_keys();
  write_data_file(output, "functions", fill);
}

Fill csv_functions(const std::vector<std::string>& sources, const ConfigReader& settings) {
  const DomainSettings domain(settings);
  const std::string header = settings.choice("header", "auto", {"auto", "grid", "none"});
  std::vector<at::Tensor> values;
  at::Tensor grid;
  for (const std::string& path : sources) {
    const CsvCurves curves = read_csv_curves(path, header == "grid"   ? CsvHeader::kGrid
                                                   : header == "none" ? CsvHeader::kNone
                                                                      : CsvHeader::kAuto);
    if (values.empty()) grid = curves.grid;
    const bool alike = values.empty() || (curves.values.size(1) == values[0].size(1) &&
                                          curves.grid.defined() == grid.defined() &&
                                          (!grid.defined() || at::equal(curves.grid, grid)));
    if (!alike)
      throw DataError(
          fmt::format("{}: has another grid than {} (one data file has one) import them "
                      "apart: dataset.path takes a list",
                      path, sources[0]));
    values.push_back(curves.values);
  }
  if (grid.defined())
    domain.refuse_extent(sources[0]);
  else
    grid = domain.axes({values[0].size(1)})[0];
  const Description description{
      .coordinates = coordinates_of({grid}), .period = domain.period(1), .sources = sources};
  checked_grid(sources[0], description.coordinates, description.period);
  return [=](Hdf5File& file) {
    file.write("/values", at::cat(values).unsqueeze(1));
    describe(file, description);
  };
}

Fill npy_functions(const std::vector<std::string>& sources, const ConfigReader& settings) {
  const DomainSettings domain(settings);
  std::vector<NpyFile> files;
  std::vector<int64_t> shape;  // [N, C, n] or [N, C, n, m], N of all files
  for (const std::string& path : sources) {
    files.push_back(open_npy(path));
    std::vector<int64_t> own = with_channels(files.back(), settings);
    if (!shape.empty() && at::IntArrayRef(own).slice(1) != at::IntArrayRef(shape).slice(1))
      throw DataError(fmt::format("{}: has rows [{}] ({} has [{}])", path,
                                  fmt::join(at::IntArrayRef(own).slice(1), ", "), sources[0],
                                  fmt::join(at::IntArrayRef(shape).slice(1), ", ")));
    if (!shape.empty()) own[0] += shape[0];
    shape = own;
  }
  const std::vector<int64_t> points(shape.begin() + 2, shape.end());
  const Description description{.coordinates = coordinates_of(domain.axes(points)),
                                .period = domain.period(std::ssize(points)),
                                .sources = sources};
  checked_grid(sources[0], description.coordinates, description.period);
  return [=](Hdf5File& file) {
    std::vector<int64_t> row(shape.begin() + 1, shape.end()), block_shape = row;
    block_shape.insert(block_shape.begin(), -1);
    file.allocate("/values", at::kFloat, shape);
    int64_t written = 0;
    for (const NpyFile& source : files) {
      const int64_t rows = source.shape[0], block = block_rows(row);
      for (int64_t first = 0; first < rows; first += block) {
        const at::Tensor x =
            source.read_rows(first, std::min(block, rows - first)).to(at::kFloat).view(block_shape);
        require_finite(source.path, "array", x, first);
        file.write_rows("/values", written, x);
        written += x.size(0);
      }
    }
    describe(file, description);
  };
}

void describe(Hdf5File& file, const Description& description) {
  std::vector<std::string> names;
  for (const std::string& path : description.sources)
    names.push_back(std::filesystem::path(path).filename());
  file.write("/coordinates", description.coordinates);
  file.write_attribute("/", "source", fmt::format("{}", fmt::join(names, ", ")));
  if (std::any_of(description.period.begin(), description.period.end(),
                  [](double period) { return period > 0; }))
    file.write_attribute("/", "period", description.period);
  if (!description.units.empty()) file.write_attribute("/", "units", description.units);
  if (!description.text.empty()) file.write_attribute("/", "description", description.text);
}

}  // namespace ornstein::functions
