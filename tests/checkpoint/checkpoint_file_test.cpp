#include "framework/checkpoint/checkpoint_file.h"

#include <malloc.h>
#include <sys/resource.h>

#include <csignal>
#include <random>

#include "framework/checkpoint/hdf5_file.h"
#include "tests/checkpoint/example_checkpoint.h"
#include "tests/checkpoint/scratch_directory.h"

namespace ornstein {
namespace {

void expect_equal(const Checkpoint& a, const Checkpoint& b) {
  EXPECT_EQ(a.config, b.config);
  EXPECT_EQ(a.data_spec, b.data_spec);
  EXPECT_EQ(a.step, b.step);
  EXPECT_EQ(a.samples, b.samples);
  EXPECT_EQ(a.seed, b.seed);
  EXPECT_EQ(a.updates, b.updates);
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (size_t i = 0; i < a.tensors.size(); ++i) {
    EXPECT_EQ(a.tensors[i].name, b.tensors[i].name);
    EXPECT_TRUE(same_bits(a.tensors[i].tensor, b.tensors[i].tensor)) << a.tensors[i].name;
  }
}

std::string damage_of(const std::string& path) {
  return message_of<DamagedCheckpoint>([&] { read_checkpoint(path); });
}

TEST(CheckpointFile, ReturnsWhatWasWritten) {
  const ScratchDirectory scratch;
  write_checkpoint(scratch / "c.h5", example_checkpoint());
  expect_equal(read_checkpoint(scratch / "c.h5"), example_checkpoint());
}

TEST(CheckpointFile, HoldsACheckpointWithoutTensors) {
  const ScratchDirectory scratch;
  Checkpoint checkpoint;
  checkpoint.config = std::string(60000, ' ');
  checkpoint.data_spec = std::string(60000, '\n');
  write_checkpoint(scratch / "c.h5", checkpoint);
  expect_equal(read_checkpoint(scratch / "c.h5"), checkpoint);
}

TEST(CheckpointFile, HoldsMoreTensorsThanOneGroupNodeDoes) {
  const ScratchDirectory scratch;
  Checkpoint checkpoint;
  for (int i = 1000; i < 1500; ++i)
    checkpoint.tensors.push_back({fmt::format("/trainer/net/{}", i), at::full({3}, i)});
  write_checkpoint(scratch / "c.h5", checkpoint);
  expect_equal(read_checkpoint(scratch / "c.h5"), checkpoint);
}

TEST(CheckpointFile, NoticesAFlippedBitInAnyByte) {
  const ScratchDirectory scratch;
  const std::string path = scratch / "c.h5";
  write_checkpoint(path, example_checkpoint());
  const std::string good = bytes_of(path);
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  std::mt19937 random(1);
  const auto put = [&](size_t place, int byte) {
    file.seekp(static_cast<std::streamoff>(place)).put(static_cast<char>(byte)).flush();
  };
  for (size_t i = 0; i < good.size(); ++i) {
    put(i, good[i] ^ (1 << random() % 8));
    ASSERT_THROW(verify_checkpoint(path), DamagedCheckpoint)
        << "byte " << i << " of " << good.size();
    put(i, good[i]);
  }
  verify_checkpoint(path);
}

TEST(CheckpointFile, NoticesEveryWrongLength) {
  const ScratchDirectory scratch;
  write_checkpoint(scratch / "c.h5", example_checkpoint());
  const std::string good = bytes_of(scratch / "c.h5");
  for (const size_t length :
       {size_t{0}, size_t{1}, size_t{511}, size_t{512}, good.size() / 2, good.size() - 1}) {
    put_bytes(scratch / "bad.h5", good.substr(0, length));
    EXPECT_THROW(verify_checkpoint(scratch / "bad.h5"), DamagedCheckpoint) << length;
  }
  put_bytes(scratch / "bad.h5", good + '\0');
  EXPECT_THROW(verify_checkpoint(scratch / "bad.h5"), DamagedCheckpoint);
}

TEST(CheckpointFile, NamesTheDamagedTensorsAndNoOthers) {
  const ScratchDirectory scratch;
  const std::string path = scratch / "c.h5";
  const Checkpoint checkpoint = example_checkpoint();
  write_checkpoint(path, checkpoint);
  const std::string good = bytes_of(path);
  for (const auto& [name, tensor] : checkpoint.tensors) {
    if (tensor.numel() == 0) continue;
    std::string bad = good;
    bad[Hdf5File::open(path).offset(name) + tensor.nbytes() - 1] ^= 1;
    put_bytes(path, bad);
    EXPECT_EQ(damage_of(path),
              fmt::format("checkpoint {} is damaged (changed: {}) take another one, or a copy",
                          path, name));
  }
}

TEST(CheckpointFile, DoesNotCallAMissingFileDamaged) {
  const ScratchDirectory scratch;
  try {
    read_checkpoint(scratch / "missing.h5");
    FAIL();
  } catch (const DamagedCheckpoint&) {
    FAIL();
  } catch (const CheckpointError& error) {
    EXPECT_NE(std::string(error.what()).find("missing.h5 (No such file or directory)"),
              std::string::npos)
        << error.what();
  }
}

// mallopt fills what is allocated with other garbage: bytes the HDF5 library leaves unset would
// show.
TEST(CheckpointFile, HasTheSameBytesWhateverTheMemoryHeld) {
  const ScratchDirectory scratch;
  mallopt(M_PERTURB, 0x55);
  write_checkpoint(scratch / "a.h5", example_checkpoint());
  mallopt(M_PERTURB, 0xaa);
  Checkpoint other = example_checkpoint();
  for (auto& [name, tensor] : other.tensors) {
    if (tensor.dim() == 2) tensor = tensor.t().contiguous().t();
  }
  write_checkpoint(scratch / "b.h5", other);
  mallopt(M_PERTURB, 0);
  EXPECT_EQ(bytes_of(scratch / "a.h5"), bytes_of(scratch / "b.h5"));
}

TEST(CheckpointFile, IsReplacedAsAWhole) {
  const ScratchDirectory scratch;
  write_checkpoint(scratch / "c.h5", example_checkpoint(1));
  write_checkpoint(scratch / "c.h5", example_checkpoint(2));
  EXPECT_EQ(read_checkpoint(scratch / "c.h5").step, 2);
  EXPECT_FALSE(std::filesystem::exists(partial_path(scratch / "c.h5")));
}

// A limit on the size of files stands for a full disk.
TEST(CheckpointFile, IsLeftAloneByAWriterThatFails) {
  const ScratchDirectory scratch;
  write_checkpoint(scratch / "c.h5", example_checkpoint());
  const std::string before = bytes_of(scratch / "c.h5");
  Checkpoint large = example_checkpoint();
  large.tensors.push_back({"/state/large", at::zeros({1 << 20})});

  std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit;
  getrlimit(RLIMIT_FSIZE, &limit);
  for (const rlim_t bytes : {rlim_t{600}, rlim_t{4096}, rlim_t{1} << 20}) {
    const rlimit small{bytes, limit.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    const std::string why =
        message_of<CheckpointError>([&] { write_checkpoint(scratch / "c.h5", large); });
    setrlimit(RLIMIT_FSIZE, &limit);
    EXPECT_NE(why.find(scratch / "c.h5"), std::string::npos) << why;
    EXPECT_NE(why.find("File too large"), std::string::npos) << why;
    EXPECT_FALSE(std::filesystem::exists(partial_path(scratch / "c.h5")));
    EXPECT_EQ(bytes_of(scratch / "c.h5"), before);
  }
  std::signal(SIGXFSZ, SIG_DFL);
  write_checkpoint(scratch / "c.h5", large);
  expect_equal(read_checkpoint(scratch / "c.h5"), [&] {
    std::sort(large.tensors.begin(), large.tensors.end(),
              [](auto& a, auto& b) { return a.name < b.name; });
    return large;
  }());
}

TEST(CheckpointFile, RefusesTextThatNoAttributeHolds) {
  const ScratchDirectory scratch;
  Checkpoint checkpoint = example_checkpoint();
  checkpoint.config = std::string(60001, 'x');
  const std::string why =
      message_of<CheckpointError>([&] { write_checkpoint(scratch / "c.h5", checkpoint); });
  EXPECT_NE(why.find("attribute 'config' of /"), std::string::npos) << why;
  EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

}  // namespace
}  // namespace ornstein
