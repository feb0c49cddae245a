// What the tests of the kind `functions` share.
#pragma once

#include "tests/datasets/data_files.h"

namespace ornstein::functions {

void register_with(DatasetFactory& factory);

class FunctionFiles : public DataFiles {
 protected:
  FunctionFiles() : DataFiles("functions", register_with) {}

  // A functions file of these data sets and this period, if any.
  std::string file(const std::string& name, const std::vector<NamedTensor>& tensors,
                   const std::vector<double>& period = {}) const {
    return DataFiles::file(name, tensors, [&](Hdf5File& file) {
      if (!period.empty()) file.write_attribute("/", "period", period);
    });
  }
};

}  // namespace ornstein::functions
