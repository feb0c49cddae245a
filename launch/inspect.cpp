// `ornstein inspect`: what a checkpoint holds, and whether it is whole.
#include "framework/base/errors.h"
#include "framework/checkpoint/checkpoint_file.h"
#include "launch/commands.h"
#include "launch/run_parts.h"

namespace ornstein {

int inspect(const std::string& run_or_checkpoint) {
  const std::string path = checkpoint_file_of(run_or_checkpoint);
  const Checkpoint checkpoint = read_checkpoint(path);  // verifies
  fmt::print("{}: whole (checksum verified)\n\nprogress\n  step {}\n  samples {}\n  seed {}\n",
             path, checkpoint.step, checkpoint.samples, checkpoint.seed);
  for (const auto& [group, updates] : checkpoint.updates)
    fmt::print("  updates of {} {}\n", group, updates);
  fmt::print("\nconfiguration\n{}\ndata\n{}\n\ntensors\n", checkpoint.config, checkpoint.data_spec);
  for (const auto& [name, tensor] : checkpoint.tensors) {
    fmt::print("  {:<80} {} [{}]\n", name, c10::toString(tensor.scalar_type()),
               fmt::join(tensor.sizes(), ", "));
  }
  std::fflush(stdout);
  return kDone;
}

}  // namespace ornstein
