#include "framework/checkpoint/hdf5_file.h"

#include <atomic>
#include <thread>

#include "framework/base/errors.h"
#include "tests/checkpoint/scratch_directory.h"

namespace ornstein {
namespace {

constexpr at::ScalarType kTypes[] = {at::kBool, at::kByte, at::kChar,  at::kShort,
                                     at::kInt,  at::kLong, at::kFloat, at::kDouble};

TEST(Hdf5File, ReturnsEveryTypeAndShapeBitForBit) {
  const ScratchDirectory scratch;
  at::manual_seed(1);
  std::map<std::string, at::Tensor> written;
  {
    Hdf5File file = Hdf5File::create(scratch / "types.h5");
    for (const auto type : kTypes) {
      for (const auto& shape :
           std::vector<std::vector<int64_t>>{{}, {0}, {3, 0}, {1}, {5}, {2, 3, 4}}) {
        const std::string name =
            fmt::format("/{}/shape_{}", c10::toString(type), fmt::join(shape, "x"));
        written[name] = at::randint(0, 2, shape).to(type);
        file.write(name, written[name]);
      }
    }
    file.close();
  }
  const Hdf5File file = Hdf5File::open(scratch / "types.h5");
  std::vector<std::string> names;
  for (const auto& [name, tensor] : written) {
    names.push_back(name);
    EXPECT_TRUE(same_bits(file.read(name), tensor)) << name;
    EXPECT_EQ(file.shape(name), tensor.sizes().vec());
    EXPECT_EQ(file.type(name), tensor.scalar_type());
  }
  auto found = file.tensors();
  EXPECT_TRUE(std::is_sorted(found.begin(), found.end()));
  EXPECT_EQ(found, names);
}

TEST(Hdf5File, KeepsThePayloadOfEveryNaN) {
  const ScratchDirectory scratch;
  const at::Tensor bits = at::tensor({0x7f800001, 0x7fc12345, -1, -4194304, 0x7f800000}, at::kInt);
  Hdf5File file = Hdf5File::create(scratch / "nan.h5");
  file.write("/nan", bits.view(at::kFloat));
  file.close();
  EXPECT_TRUE(same_bits(Hdf5File::open(scratch / "nan.h5").read("/nan").view(at::kInt), bits));
}

TEST(Hdf5File, WritesAndReadsStridedTensorsInRowMajorOrder) {
  const ScratchDirectory scratch;
  const at::Tensor strided = at::arange(24).view({4, 6}).t().slice(0, 0, 6, 2);
  Hdf5File file = Hdf5File::create(scratch / "strided.h5");
  file.write("/strided", strided);
  EXPECT_TRUE(same_bits(file.read("/strided"), strided));
}

TEST(Hdf5File, CutsWhatIsLargerThanABlockAlongAnyAxis) {
  const ScratchDirectory scratch;
  Hdf5File file = Hdf5File::create(scratch / "large.h5");
  for (const auto& shape :
       std::vector<std::vector<int64_t>>{{5, 700000}, {2, 2, 1500000}, {1, 3000000}, {3000000}}) {
    const at::Tensor large = at::arange(c10::multiply_integers(shape), at::kInt).view(shape);
    const std::string name = fmt::format("/large_{}", fmt::join(shape, "x"));
    file.write(name, large);
    EXPECT_TRUE(same_bits(file.read(name), large)) << name;
  }
}

TEST(Hdf5File, ReadsRowsAsIndexSelectDoes) {
  const ScratchDirectory scratch;
  at::manual_seed(2);
  const at::Tensor all = at::randn({50, 3, 4});
  Hdf5File file = Hdf5File::create(scratch / "rows.h5");
  file.allocate("/x", at::kFloat, {50, 3, 4});
  for (int64_t first = 0; first < 50; first += 20) {
    file.write_rows("/x", first, all.slice(0, first, std::min<int64_t>(50, first + 20)));
  }
  EXPECT_TRUE(same_bits(file.read("/x"), all));
  EXPECT_TRUE(same_bits(file.read_rows("/x", 7, 11), all.slice(0, 7, 18)));
  EXPECT_TRUE(same_bits(file.read_rows("/x", 50, 0), all.slice(0, 0, 0)));
  for (const at::Tensor& rows :
       {at::arange(50), at::tensor({0, 1, 2, 9, 20, 21, 49}, at::kLong),
        at::tensor({13}, at::kLong), at::empty({0}, at::kLong), at::arange(1, 50, 3)}) {
    EXPECT_TRUE(same_bits(file.read_rows("/x", rows), all.index_select(0, rows))) << rows;
  }
  EXPECT_THROW(file.read_rows("/x", at::tensor({3, 3}, at::kLong)), c10::Error);
  EXPECT_THROW(file.read_rows("/x", at::tensor({3, 50}, at::kLong)), c10::Error);
  EXPECT_THROW(file.read_rows("/x", 40, 11), c10::Error);
  EXPECT_THROW(file.write_rows("/x", 40, all.slice(0, 0, 11)), c10::Error);
  EXPECT_THROW(file.write_rows("/x", 0, all.to(at::kDouble)), c10::Error);
}

TEST(Hdf5File, ReturnsAttributesAsTheyWere) {
  const ScratchDirectory scratch;
  const std::string longest(60000, 'x');
  {
    Hdf5File file = Hdf5File::create(scratch / "attributes.h5");
    file.write("/group/x", at::zeros({2}));
    file.write_attribute("/", "kind", "images");
    file.write_attribute("/", "empty", "");
    file.write_attribute("/", "unicode", "\u03c3 = 0.5, \u00e9");
    file.write_attribute("/made/on/writing", "longest", longest);
    file.write_attribute("/group/x", "low", std::numeric_limits<int64_t>::min());
    file.write_attribute("/group/x", "high", std::numeric_limits<int64_t>::max());
    EXPECT_THROW(file.write_attribute("/", "longer", longest + "x"), DataError);
    file.close();
  }
  const Hdf5File file = Hdf5File::open(scratch / "attributes.h5");
  EXPECT_EQ(file.text_attribute("/", "kind"), "images");
  EXPECT_EQ(file.text_attribute("/", "empty"), "");
  EXPECT_EQ(file.text_attribute("/", "unicode"), "\u03c3 = 0.5, \u00e9");
  EXPECT_EQ(file.text_attribute("/made/on/writing", "longest"), longest);
  EXPECT_EQ(file.integer_attribute("/group/x", "low"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(file.integer_attribute("/group/x", "high"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(file.attributes("/"), (std::vector<std::string>{"empty", "kind", "unicode"}));
  EXPECT_TRUE(file.has_attribute("/", "kind"));
  EXPECT_FALSE(file.has_attribute("/", "absent"));
  EXPECT_FALSE(file.has_attribute("/absent", "kind"));
  EXPECT_THROW(file.integer_attribute("/", "kind"), DataError);
  EXPECT_THROW(file.text_attribute("/group/x", "low"), DataError);
}

TEST(Hdf5File, NestsAtSlashesOnly) {
  const ScratchDirectory scratch;
  Hdf5File file = Hdf5File::create(scratch / "names.h5");
  file.write("/trainer/net/conv1.weight", at::zeros({1}));
  EXPECT_EQ(file.tensors(), std::vector<std::string>{"/trainer/net/conv1.weight"});
  EXPECT_TRUE(file.has("/"));
  EXPECT_TRUE(file.has("/trainer/net"));
  EXPECT_FALSE(file.has("/trainer/net/conv1"));
  EXPECT_FALSE(file.has("/absent/net"));
}

TEST(Hdf5File, SaysInOneLineWhatIsWrong) {
  const ScratchDirectory scratch;
  testing::internal::CaptureStderr();
  const std::string missing =
      message_of<DataError>([&] { Hdf5File::open(scratch / "missing.h5"); });
  put_bytes(scratch / "text.h5", "this is not HDF5");
  const std::string text = message_of<DataError>([&] { Hdf5File::open(scratch / "text.h5"); });
  Hdf5File file = Hdf5File::create(scratch / "file.h5");
  const std::string absent = message_of<DataError>([&] { file.read("/images"); });
  const std::string nowhere =
      message_of<DataError>([&] { Hdf5File::create(scratch / "no/where.h5"); });
  file.write("/x", at::zeros({2}));
  const std::string twice = message_of<DataError>([&] { file.write("/x", at::zeros({2})); });
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");

  EXPECT_EQ(missing,
            "cannot open " + scratch / "missing.h5" +
                " (No such file or directory) check the path, and that it is an HDF5 file");
  EXPECT_EQ(text, "cannot open " + scratch / "text.h5" +
                      " (file signature not found) check the path, and that it is an HDF5 file");
  EXPECT_EQ(absent, "cannot read /images in " + scratch / "file.h5" +
                        " (object 'images' doesn't exist) h5ls -r " + scratch / "file.h5" +
                        " shows what it holds");
  EXPECT_EQ(nowhere, "cannot write " + scratch / "no/where.h5" +
                         " (No such file or directory) check space and rights there");
  EXPECT_EQ(twice, "cannot write /x in " + scratch / "file.h5" +
                       " (name already exists) check space and rights there");
}

// Two files, two threads: the library itself may not be thread-safe.
TEST(Hdf5File, IsReadByOneThreadWhileAnotherWrites) {
  const ScratchDirectory scratch;
  const at::Tensor data = at::arange(1 << 16).view({-1, 16});
  Hdf5File::create(scratch / "data.h5").write("/x", data);
  std::atomic<bool> writing = true;
  std::atomic<int64_t> reads = 0;
  std::thread reader([&] {
    const Hdf5File file = Hdf5File::open(scratch / "data.h5");
    for (int64_t i = 0; writing || i < 10; ++i) {
      const at::Tensor rows = at::arange(i % 100, 4096, 1 + i % 977);
      EXPECT_TRUE(same_bits(file.read_rows("/x", rows), data.index_select(0, rows)));
      EXPECT_FALSE(file.has("/y"));
      ++reads;
    }
  });
  const at::Tensor tensor = at::arange(1 << 20);
  for (int i = 0; i < 5; ++i) {
    Hdf5File file = Hdf5File::create(scratch / "written.h5");
    for (int j = 0; j < 10; ++j) file.write(fmt::format("/group_{}/x", j), tensor);
    file.close();
  }
  writing = false;
  reader.join();
  EXPECT_GE(reads, 10);
  EXPECT_TRUE(same_bits(Hdf5File::open(scratch / "written.h5").read("/group_9/x"), tensor));
}

}  // namespace
}  // namespace ornstein
