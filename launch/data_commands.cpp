// `ornstein data import` and `ornstein data info`.
#include <filesystem>

#include "framework/base/errors.h"
#include "framework/base/log.h"
#include "framework/checkpoint/hdf5_file.h"
#include "launch/commands.h"
#include "launch/run_parts.h"

namespace ornstein {

int data_import(const DataImportOptions& options, const Catalogue& catalogue) {
  const DataKind kind = catalogue.datasets.make(options.kind);
  for (const auto& source : options.sources) {
    if (!source.starts_with("synthetic:") && !std::filesystem::exists(source)) {
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
  kind.import(options.sources, options.output, options.import);
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
