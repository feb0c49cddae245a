// What the tests of the kind `points` share: files in a folder of the test's own.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "framework/base/errors.h"
#include "framework/checkpoint/hdf5_file.h"
#include "framework/data/data_file.h"
#include "framework/data/dataset_factory.h"

namespace ornstein::points {

void register_with(DatasetFactory& factory);

class Points : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              fmt::format("ornstein_points_{}_{}", ::getpid(),
                          testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
    register_with(kinds_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ / name; }
  std::vector<std::string> files_left() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

  // A points file of these data sets and this space.
  std::string file(const std::string& name, const std::vector<NamedTensor>& tensors,
                   const std::string& space = "") const {
    write_data_file(path(name), "points", [&](Hdf5File& file) {
      if (!space.empty()) file.write_attribute("/", "space", space);
      for (const NamedTensor& tensor : tensors) file.write("/" + tensor.name, tensor.tensor);
    });
    return path(name);
  }
  std::string text(const std::string& name, const std::string& content) const {
    std::ofstream(path(name), std::ios::binary) << content;
    return path(name);
  }
  DataKind kind() const { return kinds_.make("points"); }

  std::filesystem::path folder_;
  DatasetFactory kinds_{"kind of data"};
};

inline at::Tensor all_of(const DataSource& source) {
  return source.all->rows(at::arange(source.all->spec().rows)).x;
}

// What `action` is refused with must name all of `parts`.
inline void expect_refusal(const std::function<void()>& action,
                           const std::vector<std::string>& parts) {
  try {
    action();
    ADD_FAILURE() << "accepted; should name " << fmt::format("{}", fmt::join(parts, ", "));
  } catch (const Error& error) {
    EXPECT_EQ(exit_code_of(error), kUserMistake);
    for (const std::string& part : parts)
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
          << "'" << part << "' is missing in: " << error.what();
  }
}

}  // namespace ornstein::points
