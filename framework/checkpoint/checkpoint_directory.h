// A run's `checkpoints/`: step_00001000.h5 ..., `latest` (the newest one's name, advisory: nothing
// here reads it), and *.damaged, what was set aside. One writer; hidden ".*.partial" are what a
// killed writer left, and count for nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "framework/checkpoint/checkpoint_file.h"

namespace ornstein {

class CheckpointDirectory {
 public:
  // Keeps the newest `keep_last` >= 1 files, and for good those whose step is a multiple of
  // `keep_every` (0: none). The directory is made by the first write.
  CheckpointDirectory(std::string path, int64_t keep_last, int64_t keep_every);

  // No step_*, no *.damaged, no `latest`: a run may start from zero.
  bool fresh() const;

  // Path of the newest checkpoint that verifies, which `latest` then names; none if fresh. A
  // damaged newer one is named in the log and renamed to *.damaged. CheckpointError if none is
  // good, or one cannot be read at all (nothing is renamed for that).
  std::optional<std::string> newest_good();

  // Path of the newest checkpoint of at most `step` steps that verifies; changes nothing.
  std::optional<std::string> good_up_to(int64_t step) const;

  // Writes step_<checkpoint.step>.h5 and `latest`, removes what is kept no longer; returns the
  // file's path.
  std::string write(const Checkpoint& checkpoint);

 private:
  std::string path_;
  int64_t keep_last_, keep_every_;
};

// The same for readers (sample, evaluate): passes over damaged files, changes nothing.
// CheckpointError if none is good.
std::string newest_checkpoint(const std::string& directory);

}  // namespace ornstein
