// The kind `functions`: what the program is given of it.
#include "datasets/functions/function_dataset.h"
#include "datasets/functions/function_import.h"
#include "datasets/functions/function_samples.h"
#include "datasets/functions/given_functions.h"
#include "datasets/functions/twins.h"
#include "framework/base/errors.h"
#include "framework/data/dataset_factory.h"

namespace ornstein::functions {
namespace {
constexpr std::string_view kSynthetic = "synthetic:";
}  // namespace

void register_with(DatasetFactory& factory) {
  factory.add("functions", "curves and fields on grids of their own, with channels", "", [] {
    DataKind kind;
    kind.open = [](const std::vector<std::string>& files, const ConfigReader& dataset) {
      for (const std::string& file : files) {
        if (!file.starts_with(kSynthetic)) continue;
        if (files.size() > 1)
          throw DataError(fmt::format("{}: a twin stands alone (not beside other files)", file));
        return open_twin(file.substr(kSynthetic.size()), dataset);
      }
      return open_files(files);
    };
    kind.twins = twin_names();
    kind.sources =
        "tables (csv, one curve a line), NPY arrays, NetCDF files (their keys by --set), or one "
        "synthetic:NAME";
    kind.import = import_functions;
    kind.write = write_functions;
    kind.grid = read_grid;
    kind.given = open_given;
    kind.draw = draw_functions;
    return kind;
  });
}

}  // namespace ornstein::functions
