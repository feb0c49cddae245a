#include "datasets/points/points_import.h"

#include <cctype>
#include <filesystem>
#include <numbers>

#include "datasets/points/csv.h"
#include "datasets/points/graph_list.h"
#include "datasets/points/spaces.h"
#include "framework/base/errors.h"
#include "framework/base/log.h"
#include "framework/data/data_file.h"

namespace ornstein::points {
namespace {

constexpr double kDegree = std::numbers::pi / 180;

struct Settings {
  std::string space, coordinates, unit;
  std::vector<std::string> columns;
  bool skip = false;
};

// What one source gives: rows, and how many were left out.
struct Rows {
  at::Tensor x;  // [N, D] float64, of the space
  int64_t skipped = 0;
};

std::string names_of(const std::vector<std::string>& sources) {
  std::vector<std::string> names;
  for (const std::string& path : sources) names.push_back(std::filesystem::path(path).filename());
  return fmt::format("{}", fmt::join(names, ", "));
}

// The one name in `header` that begins like this, or empty.
std::string only_name(const std::vector<std::string>& header, std::string_view start) {
  std::string name;
  for (const std::string& field : header) {
    std::string lower = field;
    for (char& letter : lower)
      letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    if (!lower.starts_with(start)) continue;
    if (!name.empty()) return {};
    name = field;
  }
  return name;
}

// The first row that is not `good` [N] bool, or -1.
int64_t first_bad(const at::Tensor& good) {
  const at::Tensor bad = at::nonzero(good.logical_not());
  return bad.numel() > 0 ? bad[0].item<int64_t>() : -1;
}

// Leaves out the rows that are not `good`.
void keep(Rows& rows, std::vector<int64_t>& lines, const at::Tensor& good) {
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < good.numel(); ++i)
    if (good[i].item<bool>()) kept.push_back(lines[i]);
  rows.skipped += good.numel() - std::ssize(kept);
  rows.x = rows.x.index({good});
  lines = kept;
}

at::Tensor on_sphere(const at::Tensor& degrees) {
  const at::Tensor latitude = degrees.select(1, 0) * kDegree;
  const at::Tensor longitude = degrees.select(1, 1) * kDegree;
  return at::stack(
      {latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()}, 1);
}

// Degrees of the sphere become unit vectors; rows beyond the poles are refused or left out.
void from_degrees(const std::string& path, const Settings& settings, Rows& rows,
                  std::vector<int64_t>& lines) {
  if (rows.x.size(1) != 2)
    throw DataError(
        fmt::format("{}: has rows of {} numbers (latitude and longitude are two) choose them by "
                    "--set dataset.columns=[\"...\",\"...\"]",
                    path, rows.x.size(1)));
  const at::Tensor good =
      (rows.x.select(1, 0).abs() <= 90).logical_and(rows.x.select(1, 1).abs() <= 360);
  const int64_t row = first_bad(good);
  if (row >= 0 && !settings.skip)
    throw DataError(fmt::format(
        "{}: line {} has latitude {} and longitude {} (at most 90 and 360 degrees from zero; the "
        "first column is the latitude) mend it, or name the columns by dataset.columns",
        path, lines[row], rows.x[row][0].item<double>(), rows.x[row][1].item<double>()));
  if (row >= 0) keep(rows, lines, good);
  rows.x = on_sphere(rows.x);
}

Rows read_rows(const std::string& path, const Settings& settings) {
  TableOptions options{.columns = settings.columns, .skip = settings.skip};
  bool degrees = settings.coordinates == "latitude_longitude";
  if (settings.space == "sphere" && settings.coordinates != "ambient" && options.columns.empty()) {
    const auto header = header_of(path);
    const std::string latitude = only_name(header, "lat"), longitude = only_name(header, "lon");
    if (!latitude.empty() && !longitude.empty()) {
      options.columns = {latitude, longitude};
      degrees = true;
    }
  }
  Table table = read_table(path, options);
  Rows rows{table.values, table.skipped};
  if (settings.space == "sphere" && settings.coordinates == "auto" && rows.x.size(1) == 2)
    degrees = true;
  if (degrees) from_degrees(path, settings, rows, table.lines);
  if (settings.unit == "degrees") rows.x = rows.x * kDegree;
  if (settings.unit == "degrees") rows.x = canonical(settings.space, rows.x);

  const std::string problem = space_problem(settings.space, rows.x.size(1));
  if (!problem.empty()) throw DataError(fmt::format("{}: {}", path, problem));
  const auto off = first_row_off(settings.space, rows.x);
  if (off && !settings.skip)
    throw DataError(fmt::format(
        "{}: line {} {} (every row must be {}: space '{}') mend it, or leave such rows out by "
        "--set dataset.skip=true",
        path, table.lines[off->row], problem_of(*off), description(settings.space),
        settings.space));
  if (off) keep(rows, table.lines, on_space(settings.space, rows.x));
  return rows;
}

Settings settings_of(const ConfigReader& dataset) {
  Settings settings;
  settings.space = dataset.text("space", "euclidean");
  settings.columns = dataset.texts("columns", std::vector<std::string>{});
  settings.skip = dataset.flag("skip", false);
  if (settings.space == "sphere")
    settings.coordinates =
        dataset.choice("coordinates", "auto", {"auto", "ambient", "latitude_longitude"});
  if (settings.space == "torus") {
    if (!dataset.has("unit")) dataset.fail("unit", "is not set (angles are degrees or radians)");
    settings.unit = dataset.choice("unit", std::nullopt, {"degrees", "radians"});
  }
  return settings;
}

void import_tables(const std::vector<std::string>& sources, const std::string& output,
                   const Settings& settings) {
  std::vector<at::Tensor> tables;
  int64_t skipped = 0;
  for (const std::string& path : sources) {
    const Rows rows = read_rows(path, settings);
    skipped += rows.skipped;
    tables.push_back(rows.x.to(at::kFloat));
    if (tables.back().size(1) != tables[0].size(1))
      throw DataError(fmt::format("{}: has rows of {} numbers ({} has rows of {})", path,
                                  tables.back().size(1), sources[0], tables[0].size(1)));
  }
  const at::Tensor x = at::cat(tables);
  if (skipped > 0)
    log_info(fmt::format("{} of {} rows were left out (dataset.skip: no numbers, or off the space)",
                         skipped, skipped + x.size(0)));
  if (x.size(0) == 0)
    throw DataError(fmt::format("{}: no row is left (all were left out by dataset.skip)",
                                fmt::join(sources, ", ")));
  write_data_file(output, "points", [&](Hdf5File& file) {
    file.write_attribute("/", "space", settings.space);
    file.write_attribute("/", "source", names_of(sources));
    if (skipped > 0) file.write_attribute("/", "skipped", skipped);
    file.write("/points", x);
  });
}

void import_graphs(const std::vector<std::string>& sources, const std::string& output) {
  std::vector<Graph> graphs;
  for (const std::string& path : sources) {
    const auto own = read_graph_list(path);
    graphs.insert(graphs.end(), own.begin(), own.end());
  }
  const GraphRows rows = triangles_of(graphs);
  write_data_file(output, "points", [&](Hdf5File& file) {
    file.write_attribute("/", "space", "binary");
    file.write_attribute("/", "source", names_of(sources));
    file.write_attribute("/", "nodes", rows.nodes);
    file.write("/points", rows.x);
    file.write("/labels", rows.labels);
  });
}

}  // namespace

void import_points(const std::vector<std::string>& sources, const std::string& output,
                   const ImportOptions& options) {
  if (sources.empty())
    throw DataError("no source to make points from (a table of numbers is needed)");
  if (options.size != 0 || options.grey)
    throw DataError("points have no pixels (size and grey are for images) leave them out");
  const auto configuration = Configuration::from_text("{}", "data import", options.settings);
  const ConfigReader dataset = configuration->root().section("dataset");
  const Settings settings = settings_of(dataset);
  const bool graphs = settings.space == "binary" && dataset.flag("graphs", false);
  configuration->refuse_unknown_keys();
  if (graphs)
    import_graphs(sources, output);
  else
    import_tables(sources, output, settings);
}

}  // namespace ornstein::points
