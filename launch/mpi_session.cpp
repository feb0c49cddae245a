#include "launch/mpi_session.h"

#include <mpi.h>

#include <cstdlib>

#include "framework/base/errors.h"
#include "framework/base/host_name.h"
#include "framework/base/log.h"
#include "framework/comm/check_mpi.h"
#include "launch/local_rank.h"
#include "launch/signals.h"
#include "launch/wrong_launch.h"

namespace ornstein {
MpiSession::Library::Library(int* argc, char*** argv) {
  // Waiting ranks give way to computing ones. Open MPI reads this at MPI_Init; a user's own value
  // stands.
  setenv("OMPI_MCA_mpi_yield_when_idle", "1", /*overwrite=*/0);
  check_mpi(MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &thread_level), "MPI_Init_thread");
}

MpiSession::Library::~Library() { MPI_Finalize(); }

MpiSession::MpiSession(int* argc, char*** argv) : library_(argc, argv) {
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &ranks_), "MPI_Comm_size");
  set_log_rank(rank_);
  require_thread_level(library_.thread_level);
  refuse_singletons(std::getenv, ranks_);
  require_same(*this, "the program", own_program(),
               "install one build on all hosts, or start it from a shared folder");
  // Ranks that do different things would wait for each other for ever.
  require_same(*this, "the command line",
               fmt::format("{}", fmt::join(*argv + 1, *argv + *argc, " ")),
               "give all ranks the same arguments");
  find_local_rank();
}

// A launcher that says something else is worth a line, not a refusal: MPI's count is the one used,
// and variables of an outer launcher do no harm.
void MpiSession::find_local_rank() {
  MPI_Comm host = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &host),
            "MPI_Comm_split_type");
  check_mpi(MPI_Comm_rank(host, &local_rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(host, &local_ranks_), "MPI_Comm_size");
  check_mpi(MPI_Comm_free(&host), "MPI_Comm_free");
  const auto said = local_rank_of(std::getenv);
  const bool differs =
      said && (said->rank != local_rank_ || (said->size != 0 && said->size != local_ranks_));
  int speaker = differs ? rank_ : ranks_;
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, &speaker, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD),
            "MPI_Allreduce");
  if (speaker != rank_) return;
  log_any_rank(
      fmt::format("{} says local rank {}{}, MPI says {} of {} on {} (the variable may be an outer "
                  "launcher's) MPI's is used; unset the variable to silence this",
                  said->source, said->rank, said->size ? fmt::format(" of {}", said->size) : "",
                  local_rank_, local_ranks_, host_name()));
}

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
  int agreed[2] = {own, stop_requested() ? 0 : 1};
  flight_->begin("agreement", sizeof agreed);
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, agreed, 2, MPI_INT, MPI_MIN, MPI_COMM_WORLD),
            "MPI_Allreduce");
  flight_->end();
  const auto [lowest, goes_on] = agreed;
  if (lowest == ranks_ && goes_on) return;
  if (lowest == ranks_) {  // nothing to save yet
    log_info(StopRequested().what());
    throw Quiet{kStopped};
  }
  check_mpi(MPI_Bcast(&code, 1, MPI_INT, lowest, MPI_COMM_WORLD), "MPI_Bcast");
  if (lowest == rank_) std::rethrow_exception(failure);
  throw Quiet{code};
}

}  // namespace ornstein
