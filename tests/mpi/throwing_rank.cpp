// Rank 1 fails while rank 0 waits for it: "before" its own collective, or "while" one is under way
// that rank 0 never joins. Run by throwing_rank.cmake.
#include "framework/base/errors.h"
#include "framework/base/log.h"
#include "framework/comm/abort_job.h"
#include "framework/comm/check_mpi.h"
#include "framework/comm/process_group.h"

int main(int argc, char** argv) {
  using namespace ornstein;
  int level = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &level);
  require_thread_level(level);
  const ProcessGroup group = make_process_group(MPI_COMM_WORLD, at::kCPU);
  set_log_rank(rank(group));
  try {
    if (rank(group) == 1) {
      std::vector<at::Tensor> unmatched = {at::ones({1 << 22})};
      if (std::string_view(argv[1]) == "while") group->allreduce(unmatched);
      throw Error("the disk is full (no space left) free some");
    }
    if (std::string_view(argv[1]) == "while") {
      std::this_thread::sleep_for(std::chrono::minutes(1));
    }
    barrier(group);
  } catch (const std::exception& error) {
    abort_job(error);
  }
  return 0;  // not reached: rank 0 waits for rank 1, rank 1 throws
}
