// `ornstein data import` and `ornstein data info`.
#include <filesystem>
#include <regex>

#include "framework/base/errors.h"
#include "framework/base/log.h"
#include "framework/checkpoint/hdf5_file.h"
#include "framework/data/data_file.h"
#include "launch/commands.h"
#include "launch/run_parts.h"

namespace ornstein {
namespace {

bool is_twin(const std::string& source) { return source.starts_with("synthetic:"); }

// What the kind opens as this twin, with the keys of `dataset` that are set, becomes a data file.
void import_twin(const DataImportOptions& options, const DataKind& kind) {
  if (options.import.grey)
    throw ConfigError("--grey is for pictures (a twin is what its law says) leave it out");
  auto settings = options.import.settings;
  if (options.import.size > 0)
    settings.push_back(fmt::format("dataset.size={}", options.import.size));
  const auto configuration = Configuration::from_text("{}", "data import", settings);
  const DataSource twin = kind.open(options.sources, configuration->root().section("dataset"));
  configuration->refuse_unknown_keys();
  const DataSpec spec = twin.all->spec();
  write_data_file(options.output, spec.kind, [&](Hdf5File& file) {
    kind.write(twin.all->rows(at::arange(spec.rows)), spec, file);
    file.write("/split", twin.split);
    if (twin.log_density.defined()) file.write("/log_density", twin.log_density);
    file.write_attribute("/", "source", options.sources[0]);
    file.write_attribute("/", "description",
                         std::regex_replace(configuration->resolved(), std::regex("\n *"), ""));
  });
}

}  // namespace

int data_import(const DataImportOptions& options, const Catalogue& catalogue) {
  const DataKind kind = catalogue.datasets.make(options.kind);
  for (const auto& source : options.sources) {
    if (!is_twin(source) && !std::filesystem::exists(source)) {
      throw DataError(
          fmt::format("{}: no such file or folder (a source of `data import`)", source));
    }
  }
  if (!options.output.ends_with(".h5")) {
    throw ConfigError(
        fmt::format("{}: the last operand is the data file to make (its name must end in .h5)",
                    options.output));
  }
  const auto folder = std::filesystem::absolute(options.output).parent_path();
  if (!std::filesystem::is_directory(folder)) {
    throw DataError(fmt::format("{}: cannot be written (no folder {}) make it first",
                                options.output, folder.string()));
  }
  const auto& sources = options.sources;
  if (std::any_of(sources.begin(), sources.end(), is_twin))
    import_twin(options, kind);
  else
    kind.import(sources, options.output, options.import);
  return data_info(options.output, catalogue);
}

int data_info(const std::string& path, const Catalogue& catalogue) {
  std::string name;
  {
    const Hdf5File file = Hdf5File::open(path);
    if (!file.has_attribute("/", "kind")) {
      throw DataError(fmt::format(
          "{}: has no attribute 'kind' (a data file names its kind) see `ornstein data import`",
          path));
    }
    name = file.text_attribute("/", "kind");
  }
  const auto configuration = Configuration::from_text("{}", "defaults");
  const DataSource source =
      catalogue.datasets.make(name).open({path}, configuration->root().section("dataset"));
  const DataSpec spec = source.all->spec();
  fmt::print("{}\n  kind          {}\n", path, spec.kind);
  if (!spec.space.empty()) fmt::print("  space         {}\n", spec.space);
  fmt::print("  rows          {}\n  shape of one  {}\n", spec.rows, fmt::join(spec.shape, " x "));
  if (spec.classes > 0) fmt::print("  classes       {}\n", spec.classes);
  if (spec.condition > 0) fmt::print("  condition     {} numbers a row\n", spec.condition);
  for (size_t axis = 0; 2 * axis < spec.extent.size(); ++axis) {
    fmt::print("  axis {}        {:g} to {:g} in steps of {:g}{}\n", axis, spec.extent[2 * axis],
               spec.extent[2 * axis + 1], spec.spacing[axis],
               !spec.period.empty() && spec.period[axis] > 0
                   ? fmt::format(", period {:g}", spec.period[axis])
                   : "");
  }
  if (source.split.defined()) {
    for (const auto& [part, value] :
         {std::pair{"train", 0}, std::pair{"validation", 1}, std::pair{"test", 2}}) {
      fmt::print("  {:<13} {} rows\n", part, (source.split == value).sum().item<int64_t>());
    }
  } else {
    fmt::print("  split         none stored (dataset.validation_fraction makes one)\n");
  }
  const Hdf5File file = Hdf5File::open(path);
  for (const char* attribute : {"description", "source", "licence", "units"}) {
    if (file.has_attribute("/", attribute))
      fmt::print("  {:<13} {}\n", attribute, file.text_attribute("/", attribute));
  }
  fmt::print("  content hash  {}\n", source.content_hash);
  std::fflush(stdout);
  return kDone;
}

}  // namespace ornstein
