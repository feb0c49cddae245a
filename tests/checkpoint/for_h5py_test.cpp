// One half of read_with_h5py.py, which runs this test in a directory of its own.
#include "framework/checkpoint/hdf5_file.h"
#include "tests/checkpoint/example_checkpoint.h"
#include "tests/checkpoint/scratch_directory.h"

namespace ornstein {
namespace {

TEST(H5py, ExchangesFilesWithUs) {
  const char* directory = std::getenv("ORNSTEIN_H5PY_DIRECTORY");
  if (!directory) GTEST_SKIP() << "read_with_h5py.py runs this";
  const std::string folder(directory);
  write_checkpoint(folder + "/checkpoint.h5", example_checkpoint());

  if (!std::filesystem::exists(folder + "/h5py.h5")) return;
  const Hdf5File file = Hdf5File::open(folder + "/h5py.h5");
  EXPECT_EQ(file.text_attribute("/", "variable"), "im\u00e9ges");
  EXPECT_EQ(file.text_attribute("/", "fixed"), "images");
  EXPECT_EQ(file.integer_attribute("/", "format_version"), 1);
  EXPECT_EQ(file.integer_attribute("/", "small"), -7);
  const at::Tensor numbers = at::arange(12).view({6, 2});
  EXPECT_TRUE(same_bits(file.read("/big_endian"), numbers.to(at::kFloat)));
  EXPECT_TRUE(same_bits(file.read("/half"), numbers.to(at::kFloat)));
  EXPECT_TRUE(same_bits(file.read("/unsigned32"), numbers));
  EXPECT_TRUE(same_bits(file.read("/compressed"), numbers));
  EXPECT_TRUE(same_bits(file.read("/mask"), numbers.remainder(2).to(at::kBool)));
  const at::Tensor rows = at::tensor({0, 2, 3, 5}, at::kLong);
  EXPECT_TRUE(same_bits(file.read_rows("/compressed", rows), numbers.index_select(0, rows)));
  EXPECT_THROW(file.read("/words"), DataError);
}

}  // namespace
}  // namespace ornstein
