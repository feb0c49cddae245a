#include "launch/wrong_launch.h"

#include <fcntl.h>
#include <mpi.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "framework/base/errors.h"
#include "framework/base/hash.h"
#include "framework/base/host_name.h"
#include "framework/comm/check_mpi.h"
#include "framework/config/config_reader.h"
#include "launch/mpi_session.h"

namespace ornstein {
namespace {

std::string from_rank_0(std::string text) {
  uint64_t size = text.size();
  check_mpi(MPI_Bcast(&size, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD), "MPI_Bcast");
  text.resize(size);
  check_mpi(MPI_Bcast(text.data(), static_cast<int>(size), MPI_CHAR, 0, MPI_COMM_WORLD),
            "MPI_Bcast");
  return text;
}

// The lowest rank that `differs` throws; `how(rank 0's host)` says in what.
void refuse_unlike_rank_0(const MpiSession& session, bool differs, std::string_view what,
                          const std::function<std::string(const std::string&)>& how,
                          std::string_view cure) {
  const std::string host = from_rank_0(host_name());
  std::vector<int> all(session.ranks());
  const int own = differs ? 1 : 0;
  check_mpi(MPI_Allgather(&own, 1, MPI_INT, all.data(), 1, MPI_INT, MPI_COMM_WORLD),
            "MPI_Allgather");
  const auto lowest = std::find(all.begin(), all.end(), 1);
  if (lowest == all.end()) return;
  if (lowest - all.begin() != session.rank()) throw MpiSession::Quiet{kUserMistake};
  throw ConfigError(fmt::format("{} is not that of rank 0 ({}; {} of {} ranks differ) {}", what,
                                how(host), std::count(lowest, all.end(), 1), session.ranks(),
                                cure));
}

}  // namespace

void refuse_singletons(const Environment& variable, int ranks) {
  if (ranks > 1) return;
  struct Launcher {
    const char* size;  // its variable for the number of processes
    const char* cure;
  };
  constexpr const char* kOwnMpi =
      "start with the mpirun of the MPI that a plain `ornstein doctor` names";
  std::vector<Launcher> launchers = {{"SLURM_STEP_NUM_TASKS", "start with srun --mpi=pmix"},
                                     {"PMI_SIZE", kOwnMpi},
                                     {"MV2_COMM_WORLD_SIZE", kOwnMpi},
                                     {"PALS_LOCAL_SIZE", kOwnMpi}};
  if (variable("OMPI_COMM_WORLD_SIZE")) launchers = {{"OMPI_COMM_WORLD_SIZE", kOwnMpi}};
  for (const auto& [size, cure] : launchers) {
    if (const auto processes = whole_number(variable, size); processes.value_or(1) > 1) {
      throw ConfigError(
          fmt::format("{} processes that do not see each other ({} says so, and MPI sees one: it "
                      "knows nothing of this launcher) {}",
                      *processes, size, cure));
    }
  }
}

std::string own_program() {
  const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  struct stat status = {};
  void* bytes = MAP_FAILED;
  if (file >= 0 && ::fstat(file, &status) == 0)
    bytes = ::mmap(nullptr, status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
  const int reason = errno;
  if (file >= 0) ::close(file);
  if (bytes == MAP_FAILED) return fmt::format("unknown: {}", std::strerror(reason));
  const size_t size = status.st_size;
  const uint64_t hash = hash_of(std::string_view(static_cast<const char*>(bytes), size));
  ::munmap(bytes, size);
  return fmt::format("{:016x}", hash);
}

void require_same(const MpiSession& session, std::string_view what, std::string_view value,
                  std::string_view cure) {
  const std::string first = from_rank_0(std::string(value));
  refuse_unlike_rank_0(
      session, value != first, what,
      [&](const std::string& host) {
        return fmt::format("{} on {}, {} on {}", value, host_name(), first, host);
      },
      cure);
}

void require_same_configuration(const MpiSession& session, const std::string& resolved,
                                const std::string& path) {
  const std::string first = from_rank_0(resolved);
  refuse_unlike_rank_0(
      session, resolved != first, "the configuration",
      [&](const std::string& host) {
        return fmt::format("differing on {} and {}: {}", host_name(), host,
                           fmt::join(differing_keys(resolved, first), ", "));
      },
      fmt::format("give all ranks the same {}", path));
}

}  // namespace ornstein
