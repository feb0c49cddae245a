#include "launch/mpi_session.h"

#include <mpi.h>

#include <cstdlib>

#include "framework/base/errors.h"
#include "framework/base/log.h"
#include "framework/comm/check_mpi.h"

namespace ornstein {
namespace {

// Under srun without PMIx each process is a singleton of MPI, and all would write the same run.
void refuse_singletons_under_slurm(int ranks) {
  const char* tasks = std::getenv("SLURM_STEP_NUM_TASKS");
  if (ranks > 1 || tasks == nullptr || std::atoi(tasks) <= 1 || std::getenv("OMPI_COMM_WORLD_SIZE"))
    return;
  throw ConfigError(fmt::format(
      "{} processes that do not see each other (MPI knows nothing of this srun) start with "
      "srun --mpi=pmix",
      tasks));
}

}  // namespace

MpiSession::MpiSession(int* argc, char*** argv) {
  // Waiting ranks give way to computing ones. Open MPI reads this at MPI_Init; a user's own value
  // stands.
  setenv("OMPI_MCA_mpi_yield_when_idle", "1", /*overwrite=*/0);
  int provided = 0;
  check_mpi(MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &ranks_), "MPI_Comm_size");
  set_log_rank(rank_);
  require_thread_level(provided);
  refuse_singletons_under_slurm(ranks_);
}

MpiSession::~MpiSession() { MPI_Finalize(); }

void MpiSession::together(const std::function<void()>& work) const {
  std::exception_ptr failure;
  int own = ranks_, code = 0;  // the lowest rank that failed; its exit code
  try {
    work();
  } catch (const std::exception& error) {
    failure = std::current_exception();
    own = rank_;
    code = exit_code_of(error);
  }
  int lowest = own;
  check_mpi(MPI_Allreduce(&own, &lowest, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD), "MPI_Allreduce");
  if (lowest == ranks_) return;
  check_mpi(MPI_Bcast(&code, 1, MPI_INT, lowest, MPI_COMM_WORLD), "MPI_Bcast");
  if (lowest == rank_) std::rethrow_exception(failure);
  throw Quiet{code};
}

}  // namespace ornstein
