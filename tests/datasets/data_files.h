// What the tests of several kinds of data share: files in a folder of the test's own, and how what
// is wrong with them is said.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "framework/base/errors.h"
#include "framework/checkpoint/hdf5_file.h"
#include "framework/data/data_file.h"
#include "framework/data/dataset_factory.h"
#include "tests/checkpoint/scratch_directory.h"

namespace ornstein {

class DataFiles : public testing::Test {
 protected:
  DataFiles(std::string kind, void (*register_kind)(DatasetFactory&)) : kind_(std::move(kind)) {
    register_kind(kinds_);
  }

  std::string path(const std::string& name) const { return folder_ / name; }
  std::vector<std::string> files_left() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

  // A data file of these data sets, and what `describe` adds.
  std::string file(
      const std::string& name, const std::vector<NamedTensor>& tensors,
      const std::function<void(Hdf5File&)>& describe = [](Hdf5File&) {}) const {
    write_data_file(path(name), kind_, [&](Hdf5File& file) {
      describe(file);
      for (const NamedTensor& tensor : tensors) file.write("/" + tensor.name, tensor.tensor);
    });
    return path(name);
  }
  // A text file; makes the folders above it.
  std::string text(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    put_bytes(path(name), content);
    return path(name);
  }
  DataKind kind() const { return kinds_.make(kind_); }

 private:
  const std::string kind_;
  const ScratchDirectory folder_;
  DatasetFactory kinds_{"kind of data"};
};

// What `action` is refused with, a user's mistake, must name all of `parts` in one line.
inline void expect_refusal(const std::function<void()>& action,
                           const std::vector<std::string>& parts) {
  try {
    action();
    ADD_FAILURE() << "accepted; should name " << fmt::format("{}", fmt::join(parts, ", "));
  } catch (const Error& error) {
    const std::string said = error.what();
    EXPECT_EQ(exit_code_of(error), kUserMistake) << said;
    EXPECT_EQ(said.find('\n'), std::string::npos) << said;
    for (const std::string& part : parts)
      EXPECT_NE(said.find(part), std::string::npos) << "'" << part << "' is missing in: " << said;
  }
}

}  // namespace ornstein
