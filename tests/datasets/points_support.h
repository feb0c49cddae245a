// What the tests of the kind `points` share.
#pragma once

#include "tests/datasets/data_files.h"

namespace ornstein::points {

void register_with(DatasetFactory& factory);

class Points : public DataFiles {
 protected:
  Points() : DataFiles("points", register_with) {}

  // A points file of these data sets and this space.
  std::string file(const std::string& name, const std::vector<NamedTensor>& tensors,
                   const std::string& space = "") const {
    return DataFiles::file(name, tensors, [&](Hdf5File& file) {
      if (!space.empty()) file.write_attribute("/", "space", space);
    });
  }
};

inline at::Tensor all_of(const DataSource& source) {
  return source.all->rows(at::arange(source.all->spec().rows)).x;
}

}  // namespace ornstein::points
