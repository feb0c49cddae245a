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

// An importer makes a data file from what people have.
struct Importer {
  std::string name;     // "idx", "folder", "csv"
  std::string summary;  // what SOURCE must be, one line
  // Throws DataError; writes beside `output` and renames, so that a failure leaves nothing behind.
  std::function<void(const std::vector<std::string>& sources, const std::string& output)> run;
};

struct DataKind {
  // `files`: existing files, sorted; or a single "synthetic:NAME". Reads its own keys from the
  // `dataset` section.
  std::function<DataSource(const std::vector<std::string>& files, const ConfigReader& dataset)>
      open;
  std::vector<Importer>
      importers;  // tried by name, else the first whose `accepts` ... see `data import`
  std::vector<std::string> twins;  // NAMEs of `synthetic:NAME`
  // Writes samples (rows of a Batch, in the data's own units) with the data files' schema.
  std::function<void(const Batch& samples, const DataSpec& spec, Hdf5File& file)> write;
  // Draws samples as a picture; null where there is none. Scales up small images.
  std::function<void(const Batch& samples, const DataSpec& spec, const std::string& png)> draw;
};

using DatasetFactory = Factory<DataKind>;

}  // namespace ornstein
