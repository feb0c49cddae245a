// What disks do to checkpoints: never a silent wrong load, never a start from zero, never fewer
// than one good checkpoint, always a clear line.
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <random>

#include "framework/base/fault_point.h"
#include "framework/checkpoint/checkpoint_writer.h"
#include "tests/checkpoint/example_checkpoint.h"
#include "tests/checkpoint/scratch_directory.h"

namespace ornstein {
namespace {

constexpr const char* kFirst = "step_00000001.h5";
constexpr const char* kSecond = "step_00000002.h5";

void ask(const std::string& faults) {
  ::setenv("ORNSTEIN_FAULT", faults.c_str(), 1);
  read_faults();
}

void expect_contains(const std::string& line, const std::string& part) {
  EXPECT_NE(line.find(part), std::string::npos) << "'" << part << "' is not in: " << line;
}

std::string logged(const std::function<void()>& work) {
  testing::internal::CaptureStderr();
  work();
  return testing::internal::GetCapturedStderr();
}

// Two checkpoints, both good.
class Damage : public testing::Test {
 protected:
  Damage() : directory_(scratch_ / "checkpoints", 2, 0) {
    directory_.write(example_checkpoint(1));
    directory_.write(example_checkpoint(2));
    good_ = bytes_of(file(kSecond));
  }
  ~Damage() override { ask(""); }

  std::string file(const std::string& name) const { return scratch_ / ("checkpoints/" + name); }

  // What a start finds when the second file holds `bytes`: it must be the first one, and the second
  // set aside in one line that says why.
  void expect_passed_over(const std::string& bytes, const std::string& why) {
    put_bytes(file(kSecond), bytes);
    std::optional<std::string> found;
    const std::string line = logged([&] { found = directory_.newest_good(); });
    ASSERT_EQ(found, file(kFirst));
    expect_contains(line, fmt::format("checkpoint {} is damaged ({}", file(kSecond), why));
    expect_contains(line, fmt::format("set aside as {}.damaged\n", file(kSecond)));
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
    EXPECT_EQ(bytes_of(file("latest")), std::string(kFirst) + "\n");
    EXPECT_EQ(bytes_of(file(kSecond) + ".damaged"), bytes);
    EXPECT_EQ(read_checkpoint(*found).step, 1);
    std::filesystem::remove(file(kSecond) + ".damaged");
  }

  // Everything that starts see: a good checkpoint, of whole content.
  void expect_one_good(const std::string& says = "") {
    std::optional<std::string> found;
    const std::string line = logged([&] { found = CheckpointDirectory(directory_).newest_good(); });
    EXPECT_EQ(line.empty(), says.empty()) << line;
    expect_contains(line, says);
    ASSERT_TRUE(found);
    const ScratchDirectory other;
    write_checkpoint(other / "same.h5", example_checkpoint(read_checkpoint(*found).step));
    EXPECT_EQ(bytes_of(*found), bytes_of(other / "same.h5"));
  }

  const ScratchDirectory scratch_;
  CheckpointDirectory directory_;
  std::string good_;
};

TEST_F(Damage, OfOneBitAtAThousandPlacesIsPassedOver) {
  std::mt19937 random(5);
  for (int i = 0; i < 1000 && !HasFailure(); ++i) {
    const size_t bit = random() % (8 * good_.size());
    std::string bad = good_;
    bad[bit / 8] ^= static_cast<char>(1 << bit % 8);
    SCOPED_TRACE(fmt::format("bit {} of byte {} of {}", bit % 8, bit / 8, good_.size()));
    put_bytes(file(kSecond), bad);
    expect_contains(message_of<DamagedCheckpoint>([&] { read_checkpoint(file(kSecond)); }),
                    fmt::format("checkpoint {} is damaged (", file(kSecond)));
    if (i % 50 == 0) expect_passed_over(bad, "");
  }
}

TEST_F(Damage, OfTheLengthIsPassedOver) {
  expect_passed_over("", "it does not begin as a checkpoint does");
  std::mt19937 random(6);
  for (int i = 0; i < 20; ++i) {
    const size_t length = random() % good_.size();
    expect_passed_over(good_.substr(0, length),
                       length < 512 ? "it does not begin as a checkpoint does"
                                    : fmt::format("it has {} bytes instead of", length));
  }
  expect_passed_over(std::string(good_.size(), '\0'), "it does not begin as a checkpoint does");
}

TEST_F(Damage, OfAllFilesIsKnownOverThreeStarts) {
  for (const char* name : {kFirst, kSecond}) put_bytes(file(name), good_.substr(0, 1000));
  for (int start = 0; start < 3; ++start) {
    CheckpointDirectory directory(scratch_ / "checkpoints", 2, 0);
    EXPECT_FALSE(directory.fresh());
    const std::string lines = logged([&] {
      const std::string why = message_of<CheckpointError>([&] { directory.newest_good(); });
      expect_contains(why, "no checkpoint in " + scratch_ / "checkpoints" + " is good");
      expect_contains(why, "--overwrite");
    });
    EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), start == 0 ? 2 : 0) << lines;
    std::filesystem::remove(file("latest"));  // the files set aside are trace enough
  }
}

TEST_F(Damage, OfOneStepTwiceKeepsBothFiles) {
  std::string bad = good_;
  for (const char* aside : {".damaged", ".2.damaged", ".3.damaged"}) {
    bad += '!';
    put_bytes(file(kSecond), bad);
    const std::string line = logged([&] { EXPECT_EQ(directory_.newest_good(), file(kFirst)); });
    expect_contains(line, file(kSecond) + aside + "\n");
    EXPECT_EQ(bytes_of(file(kSecond) + aside), bad);
    directory_.write(example_checkpoint(2));
    EXPECT_EQ(directory_.newest_good(), file(kSecond));
  }
}

TEST_F(Damage, OfLatestIsMended) {
  for (const std::string content : {"", "step_00000007.h5\n", "step_00000001.h5\n"}) {
    put_bytes(file("latest"), content);
    if (content.empty()) std::filesystem::remove(file("latest"));
    expect_one_good(content == "step_00000007.h5\n" ? "step_00000007.h5 is gone" : "");
    EXPECT_EQ(bytes_of(file("latest")), std::string(kSecond) + "\n");
  }
}

TEST_F(Damage, OfANameIsRefused) {
  std::filesystem::copy_file(file(kFirst), file("step_00000009.h5"));
  const std::string why = message_of<CheckpointError>([&] { directory_.newest_good(); });
  expect_contains(why, "step_00000009.h5 holds step 1");
  EXPECT_TRUE(std::filesystem::exists(file("step_00000009.h5")));
}

TEST_F(Damage, IsNoReadErrorOfAGoodFile) {
  ask("EIO@checkpoint.read");
  std::string why = message_of<CheckpointError>([&] { directory_.newest_good(); });
  expect_contains(why, fmt::format("cannot read {} (Input/output error)", file(kSecond)));
  EXPECT_EQ(directory_.newest_good(), file(kSecond));

  // The kernel's own error: nothing is mapped where this file begins.
  std::filesystem::create_symlink("/proc/self/mem", file("step_00000003.h5"));
  why = message_of<CheckpointError>([&] { directory_.newest_good(); });
  expect_contains(why, "step_00000003.h5 (Input/output error)");
  EXPECT_TRUE(std::filesystem::is_symlink(file("step_00000003.h5")));
}

TEST_F(Damage, IsNoLinkToAFileSystemThatIsAbsent) {
  std::filesystem::create_symlink(scratch_ / "unmounted", scratch_ / "link");
  CheckpointDirectory directory(scratch_ / "link", 2, 0);
  expect_contains(message_of<CheckpointError>([&] { directory.newest_good(); }),
                  "link (No such file or directory)");
}

// A directory that refuses every change: by its rights or, for root, who ignores rights, by a
// read-only mount.
class ReadOnly {
 public:
  explicit ReadOnly(std::string path) : path_(std::move(path)) {
    const char* path_text = path_.c_str();
    if (::geteuid() == 0) {
      mounted_ = ::mount(path_text, path_text, nullptr, MS_BIND, nullptr) == 0;
      holds_ = mounted_ &&
               ::mount(nullptr, path_text, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) == 0;
    } else {
      std::filesystem::permissions(path_, std::filesystem::perms(0555));
      holds_ = true;
    }
  }
  ~ReadOnly() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
    if (::geteuid() != 0) std::filesystem::permissions(path_, std::filesystem::perms(0755));
  }
  bool holds() const { return holds_; }

 private:
  std::string path_;
  bool mounted_ = false, holds_ = false;
};

TEST_F(Damage, InAReadOnlyDirectoryIsSaidAndNothingIsLost) {
  const std::string bad = good_.substr(0, 1000);
  put_bytes(file(kSecond), bad);
  {
    const ReadOnly closed(scratch_ / "checkpoints");
    if (!closed.holds())
      GTEST_SKIP() << "root without the right to mount: no directory is read-only";
    std::string why = message_of<CheckpointError>([&] { directory_.newest_good(); });
    expect_contains(why, fmt::format("checkpoint {} is damaged (it has 1000", file(kSecond)));
    expect_contains(why, fmt::format("cannot be set aside: cannot rename {} (", file(kSecond)));
    why = message_of<CheckpointError>([&] { directory_.write(example_checkpoint(3)); });
    expect_contains(why, "step_00000003.h5 was not saved: cannot write ");
    EXPECT_EQ(logged([&] {
                EXPECT_EQ(newest_checkpoint(scratch_ / "checkpoints"), file(kFirst));
              }).find("cannot"),
              std::string::npos);
  }
  EXPECT_EQ(bytes_of(file(kSecond)), bad);
  expect_passed_over(bad, "it has 1000 bytes instead of");
}

// Each stage of writing fails once, in both ways, in the thread that writes behind training.
TEST_F(Damage, IsNeverLeftByAWriteThatFails) {
  directory_ = CheckpointDirectory(scratch_ / "checkpoints", 1, 0);
  const size_t tensors = example_checkpoint().tensors.size();
  int64_t step = 2;
  for (const auto& [error, words] :
       {std::pair{"ENOSPC", "No space left on device"}, {"EIO", "Input/output error"}}) {
    for (const auto& point :
         {std::string("create"), std::string("tensor"), fmt::format("tensor:{}", tensors),
          std::string("header"), std::string("sync"), std::string("rename"),
          std::string("sync_directory"), std::string("latest"), std::string("prune")}) {
      SCOPED_TRACE(fmt::format("{}@checkpoint.{}", error, point));
      ask(fmt::format("{}@checkpoint.{}", error, point));
      ++step;
      const std::string line = logged([&] {
        CheckpointWriter writer(directory_);
        writer.write(example_checkpoint(step));
        if (point == "prune") {
          writer.finish();
          return;
        }
        const std::string why = message_of<CheckpointError>([&] { writer.finish(); });
        expect_contains(why, fmt::format("({})", words));
        expect_contains(why, scratch_ / "checkpoints/");
        EXPECT_EQ(why.find('\n'), std::string::npos) << why;
      });
      if (point == "prune") {
        expect_contains(line, fmt::format("cannot remove {}", scratch_ / "checkpoints/step_"));
        expect_contains(line, fmt::format("({})", words));
      }
      expect_one_good();
      directory_.write(example_checkpoint(++step));  // there is room again
      EXPECT_EQ(directory_.newest_good(), file(fmt::format("step_{:08}.h5", step)));
      expect_one_good();
      size_t entries = 0;
      for (const auto& entry : std::filesystem::directory_iterator(scratch_ / "checkpoints"))
        entries += entry.exists();
      EXPECT_EQ(entries, 2) << "the checkpoint and `latest`";
    }
  }
}

}  // namespace
}  // namespace ornstein
