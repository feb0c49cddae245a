// NetCDF variables become a data file: once through to see which rows have values everywhere, once
// more to write them, so that a row at a time is held.
#include "datasets/functions/domain_settings.h"
#include "datasets/functions/function_import.h"
#include "datasets/functions/netcdf_fields.h"
#include "datasets/functions/stored_grid.h"
#include "framework/base/errors.h"
#include "framework/base/log.h"
#include "framework/data/grids.h"

namespace ornstein::functions {
namespace {

struct NetcdfRows {
  NetcdfFields fields;
  std::vector<int64_t> kept;  // rows of `fields`
};

// [C, n(, m)] float32; NaN where missing and no `fill` is given.
at::Tensor read_row(const NetcdfFields& fields, int64_t row, const std::optional<double>& fill) {
  at::Tensor x = fields.read(row);
  if (fill) x = x.nan_to_num(*fill);
  return x.to(at::kFloat);
}

std::vector<int64_t> complete_rows(const NetcdfFields& fields, const std::optional<double>& fill) {
  std::vector<int64_t> kept;
  for (int64_t row = 0; row < fields.rows(); ++row) {
    const at::Tensor complete = read_row(fields, row, fill).isfinite().flatten(1).all(1);  // [C]
    if (complete.all().item<bool>()) {
      kept.push_back(row);
    } else if (!fields.tiled()) {
      const auto channel = at::nonzero(complete.logical_not())[0].item<int64_t>();
      throw DataError(fmt::format(
          "{}: row {} of {} has missing values (every point needs one) --set dataset.tile=SIZE "
          "takes complete tiles, --set dataset.fill=NUMBER puts a number there",
          fields.path(), row, fields.variables()[channel]));
    }
  }
  if (std::ssize(kept) < fields.rows())
    log_info(fmt::format("{}: {} of {} tiles have missing values and are left out", fields.path(),
                         fields.rows() - std::ssize(kept), fields.rows()));
  return kept;
}

void check_alike(const NetcdfFields& fields, const NetcdfFields& first) {
  bool alike = fields.shape() == first.shape() && fields.period() == first.period();
  for (size_t axis = 0; alike && axis < first.points().size(); ++axis)
    alike = at::equal(fields.points()[axis], first.points()[axis]);
  if (!alike)
    throw DataError(
        fmt::format("{}: has another grid than {} (one data file has one) import them "
                    "apart: dataset.path takes a list",
                    fields.path(), first.path()));
}

}  // namespace

Fill netcdf_functions(const std::vector<std::string>& sources, const ConfigReader& settings) {
  const DomainSettings domain(settings);
  std::optional<double> fill;
  if (settings.has("fill")) fill = settings.number("fill", std::nullopt);
  const auto files = std::make_shared<std::vector<NetcdfRows>>();
  int64_t rows = 0;
  for (const std::string& path : sources) {
    NetcdfFields fields(path, settings, domain);
    if (!files->empty()) check_alike(fields, files->front().fields);
    checked_grid(path, coordinates_of(fields.points()), fields.period());
    std::vector<int64_t> kept = complete_rows(fields, fill);
    rows += std::ssize(kept);
    files->push_back({std::move(fields), std::move(kept)});
  }
  if (rows == 0)
    throw DataError(
        fmt::format("{}: no tile has values everywhere (all have missing ones) take a "
                    "smaller dataset.tile, or set dataset.fill",
                    sources[0]));
  return [=](Hdf5File& file) {
    const NetcdfFields& first = files->front().fields;
    std::vector<int64_t> shape = first.shape();
    shape.insert(shape.begin(), rows);
    file.allocate("/values", at::kFloat, shape);
    int64_t written = 0;
    for (const auto& [fields, kept] : *files)
      for (const int64_t row : kept)
        file.write_rows("/values", written++, read_row(fields, row, fill).unsqueeze(0));
    describe(file, {.coordinates = coordinates_of(first.points()),
                    .period = first.period(),
                    .sources = sources,
                    .units = first.attribute("units"),
                    .text = first.attribute("long_name")});
  };
}

}  // namespace ornstein::functions
