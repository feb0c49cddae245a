#include "framework/checkpoint/checkpoint_writer.h"

#include "tests/checkpoint/example_checkpoint.h"
#include "tests/checkpoint/scratch_directory.h"

namespace ornstein {
namespace {

TEST(CheckpointWriter, WritesTheBytesOfASynchronousWrite) {
  const ScratchDirectory scratch;
  CheckpointDirectory now(scratch / "now", 2, 0), later(scratch / "later", 2, 0);
  CheckpointWriter writer(later);
  for (const int64_t step : {1, 2, 3}) {  // the second and third use the first's memory again
    now.write(example_checkpoint(step));
    writer.write(example_checkpoint(step));
  }
  writer.finish();
  for (const char* name : {"step_00000002.h5", "step_00000003.h5", "latest"})
    EXPECT_EQ(bytes_of(scratch / "now/" + name), bytes_of(scratch / "later/" + name)) << name;
  EXPECT_FALSE(std::filesystem::exists(scratch / "later/step_00000001.h5"));
}

TEST(CheckpointWriter, WritesWhatTheTensorsWereWhenItWasCalled) {
  const ScratchDirectory scratch;
  CheckpointDirectory directory(scratch.path(), 1, 0);
  CheckpointWriter writer(directory);
  Checkpoint checkpoint = example_checkpoint(1);
  checkpoint.tensors = {{"/state/large", at::ones({1 << 22})}};
  writer.write(checkpoint);
  checkpoint.tensors[0].tensor.fill_(2);  // as the next step would, while the thread writes
  writer.finish();
  const Checkpoint read = read_checkpoint(*directory.newest_good());
  EXPECT_TRUE(read.tensors[0].tensor.equal(at::ones({1 << 22})));
}

TEST(CheckpointWriter, TellsOfAFailureOnceAndLeavesTheEarlierOnes) {
  const ScratchDirectory scratch;
  CheckpointDirectory directory(scratch.path(), 2, 0);
  CheckpointWriter writer(directory);
  writer.write(example_checkpoint(1));
  writer.finish();
  const std::string before = bytes_of(scratch / "step_00000001.h5");
  std::filesystem::create_directory(scratch / ".step_00000002.h5.partial");  // in the way
  put_bytes(scratch / ".step_00000002.h5.partial/file", "");
  writer.write(example_checkpoint(2));
  EXPECT_THROW(writer.finish(), CheckpointError);
  EXPECT_NO_THROW(writer.check());
  EXPECT_EQ(bytes_of(scratch / "step_00000001.h5"), before);
  EXPECT_EQ(bytes_of(scratch / "latest"), "step_00000001.h5\n");
  writer.write(example_checkpoint(3));
  EXPECT_NO_THROW(writer.finish());
}

TEST(CheckpointWriter, FinishesTheWriteInFlightWhenItGoes) {
  const ScratchDirectory scratch;
  CheckpointDirectory directory(scratch.path(), 2, 0);
  { CheckpointWriter(directory).write(example_checkpoint(7)); }
  EXPECT_EQ(directory.newest_good(), scratch / "step_00000007.h5");
}

}  // namespace
}  // namespace ornstein
