#include "framework/checkpoint/checkpoint_directory.h"

#include <set>

#include "tests/checkpoint/example_checkpoint.h"
#include "tests/checkpoint/scratch_directory.h"

namespace ornstein {
namespace {

std::set<std::string> names_in(const ScratchDirectory& scratch) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(scratch.path()))
    names.insert(entry.path().filename());
  return names;
}

void damage(const std::string& path) {
  std::string bytes = bytes_of(path);
  bytes[bytes.size() / 2] ^= 4;
  put_bytes(path, bytes);
}

// A directory with checkpoints at `steps`, all kept.
CheckpointDirectory with_steps(const ScratchDirectory& scratch,
                               std::initializer_list<int64_t> steps) {
  CheckpointDirectory directory(scratch.path(), 100, 0);
  for (const int64_t step : steps) directory.write(example_checkpoint(step));
  return directory;
}

TEST(CheckpointDirectory, IsFreshOnlyWithoutAnyTrace) {
  const ScratchDirectory scratch;
  EXPECT_TRUE(CheckpointDirectory(scratch / "absent", 1, 0).fresh());
  CheckpointDirectory directory(scratch.path(), 1, 0);
  EXPECT_TRUE(directory.fresh());
  EXPECT_EQ(directory.newest_good(), std::nullopt);
  put_bytes(scratch / ".step_00000010.h5.partial", "killed while writing the first");
  EXPECT_TRUE(directory.fresh());
  EXPECT_EQ(directory.newest_good(), std::nullopt);
  for (const char* trace : {"step_00000010.h5", "step_00000010.h5.damaged", "latest"}) {
    put_bytes(scratch / trace, "");
    EXPECT_FALSE(directory.fresh()) << trace;
    testing::internal::CaptureStderr();
    EXPECT_THROW(directory.newest_good(), CheckpointError) << trace;
    testing::internal::GetCapturedStderr();
    for (const auto& name : names_in(scratch)) std::filesystem::remove(scratch / name);
  }
}

TEST(CheckpointDirectory, NamesFilesByStepAndTheNewestInLatest) {
  const ScratchDirectory scratch;
  CheckpointDirectory directory = with_steps(scratch, {1, 1000});
  EXPECT_EQ(names_in(scratch),
            (std::set<std::string>{"step_00000001.h5", "step_00001000.h5", "latest"}));
  EXPECT_EQ(bytes_of(scratch / "latest"), "step_00001000.h5\n");
  EXPECT_EQ(directory.newest_good(), scratch / "step_00001000.h5");
}

TEST(CheckpointDirectory, OrdersByNumberNotByNameOrLatest) {
  const ScratchDirectory scratch;
  CheckpointDirectory directory = with_steps(scratch, {123456789, 99999999});
  put_bytes(scratch / "step_last.h5", "");
  EXPECT_EQ(directory.newest_good(), scratch / "step_123456789.h5");
}

TEST(CheckpointDirectory, SetsADamagedNewestFileAsideLoudly) {
  const ScratchDirectory scratch;
  CheckpointDirectory directory = with_steps(scratch, {1, 2, 3});
  damage(scratch / "step_00000003.h5");
  testing::internal::CaptureStderr();
  EXPECT_EQ(directory.newest_good(), scratch / "step_00000002.h5");
  const std::string line = testing::internal::GetCapturedStderr();
  EXPECT_NE(line.find("step_00000003.h5 is damaged"), std::string::npos) << line;
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_TRUE(names_in(scratch).count("step_00000003.h5.damaged"));
  EXPECT_FALSE(names_in(scratch).count("step_00000003.h5"));

  directory.write(example_checkpoint(3));
  EXPECT_EQ(directory.newest_good(), scratch / "step_00000003.h5");
  EXPECT_TRUE(names_in(scratch).count("step_00000003.h5.damaged"));
}

TEST(CheckpointDirectory, DoesNotForgetOverRestartsThatAllAreDamaged) {
  const ScratchDirectory scratch;
  with_steps(scratch, {1, 2});
  std::filesystem::remove(scratch / "latest");
  damage(scratch / "step_00000001.h5");
  damage(scratch / "step_00000002.h5");
  testing::internal::CaptureStderr();
  for (int restart = 0; restart < 3; ++restart) {
    CheckpointDirectory directory(scratch.path(), 1, 0);
    EXPECT_FALSE(directory.fresh());
    EXPECT_THROW(directory.newest_good(), CheckpointError);
  }
  testing::internal::GetCapturedStderr();
}

TEST(CheckpointDirectory, KeepsTheNewestAndTheMultiples) {
  const ScratchDirectory scratch;
  CheckpointDirectory directory(scratch.path(), 2, 30);
  for (int64_t step = 10; step <= 80; step += 10) directory.write(example_checkpoint(step));
  EXPECT_EQ(names_in(scratch),
            (std::set<std::string>{"step_00000030.h5", "step_00000060.h5", "step_00000070.h5",
                                   "step_00000080.h5", "latest"}));
}

TEST(CheckpointDirectory, RemovesWhatAKilledWriterLeft) {
  const ScratchDirectory scratch;
  CheckpointDirectory directory = with_steps(scratch, {1});
  put_bytes(partial_path(scratch / "step_00000002.h5"), "killed while writing");
  EXPECT_EQ(directory.newest_good(), scratch / "step_00000001.h5");
  directory.write(example_checkpoint(3));
  EXPECT_EQ(names_in(scratch),
            (std::set<std::string>{"step_00000001.h5", "step_00000003.h5", "latest"}));
}

TEST(CheckpointDirectory, SaysWhyItCannotBeWritten) {
  const ScratchDirectory scratch;
  put_bytes(scratch / "file", "");
  CheckpointDirectory directory(scratch / "file/checkpoints", 1, 0);
  const std::string why =
      message_of<CheckpointError>([&] { directory.write(example_checkpoint()); });
  EXPECT_NE(why.find("file/checkpoints (Not a directory)"), std::string::npos) << why;
}

TEST(NewestCheckpoint, PassesOverDamageAndChangesNothing) {
  const ScratchDirectory scratch;
  with_steps(scratch, {1, 2});
  damage(scratch / "step_00000002.h5");
  const auto before = names_in(scratch);
  testing::internal::CaptureStderr();
  EXPECT_EQ(newest_checkpoint(scratch.path()), scratch / "step_00000001.h5");
  EXPECT_NE(testing::internal::GetCapturedStderr().find("step_00000002.h5 is damaged"),
            std::string::npos);
  EXPECT_EQ(names_in(scratch), before);
  EXPECT_THROW(newest_checkpoint(scratch / "absent"), CheckpointError);
}

}  // namespace
}  // namespace ornstein
