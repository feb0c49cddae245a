// Writes checkpoints while training goes on. `write` copies the tensors into host memory, a
// consistent snapshot, and returns; a thread writes the copy. The files are those of
// CheckpointDirectory::write, byte for byte; the price is one more copy of all tensors in memory.
#pragma once

#include <future>

#include "framework/checkpoint/checkpoint_directory.h"

namespace ornstein {

class CheckpointWriter {
 public:
  explicit CheckpointWriter(CheckpointDirectory& directory) : directory_(directory) {}
  ~CheckpointWriter();  // waits; a failure that nobody has heard of goes to the log
  CheckpointWriter(const CheckpointWriter&) = delete;

  // The tensors may change as soon as it returns. Waits for the write before: one at a time.
  void write(const Checkpoint& checkpoint);

  // Throws the CheckpointError of a write that has ended since the last call. Earlier checkpoints
  // are as they were. Does not wait.
  void check();

  // Waits for the write in flight, and throws as check() does.
  void finish();

 private:
  void take_snapshot(const Checkpoint& checkpoint);

  CheckpointDirectory& directory_;
  Checkpoint snapshot_;  // the thread's, while one is in flight; its memory is used again
  std::future<void> in_flight_;
};

}  // namespace ornstein
