// The kinds of data: what `dataset.kind` names, what `ornstein data import|info` and the sample
// writer call.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "framework/config/config_reader.h"
#include "framework/config/factory.h"
#include "framework/data/dataset.h"

namespace ornstein {

class Hdf5File;

struct ImportOptions {
  int64_t size = 0;                   // images: crop and resize to size x size; 0: as they are
  bool grey = false;                  // images: one channel
  std::vector<std::string> settings;  // twins and functions: "dataset.key=value"
};

struct DataKind {
  // `files`: existing, sorted; or one "synthetic:NAME". Reads its own keys from the `dataset`
  // section.
  std::function<DataSource(const std::vector<std::string>& files, const ConfigReader& dataset)>
      open;
  std::vector<std::string> twins;  // NAMEs of synthetic:NAME
  std::string sources;             // what `data import KIND SOURCE...` takes, one line for --help
  // Makes a data file from what people have; twins come through open() and write() instead. Throws
  // DataError; writes beside `output` and renames, so that a failure leaves nothing behind.
  std::function<void(const std::vector<std::string>& sources, const std::string& output,
                     const ImportOptions& options)>
      import;
  // Writes samples (rows of a Batch, in the data's own units) with the data files' schema into a
  // file of write_data_file.
  std::function<void(const Batch& samples, const DataSpec& spec, Hdf5File& file)> write;
  // Of functions, else null: the grid of a file for samples of a run's `spec`, which may hold
  // nothing else, [n, 1] or [n, m, 2].
  std::function<at::Tensor(const std::string& file, const DataSpec& spec)> grid;
  // Of functions, else null: rows that condition samples of a run's `spec` on the grid
  // `coordinates`. Of other kinds they are those of open(), of the samples' shape.
  std::function<std::shared_ptr<const Dataset>(const std::string& file, const DataSpec& spec,
                                               const at::Tensor& coordinates)>
      given;
  // Draws samples as a picture; null where there is none.
  std::function<void(const Batch& samples, const DataSpec& spec, const std::string& png)> draw;
};

using DatasetFactory = Factory<DataKind>;

}  // namespace ornstein
