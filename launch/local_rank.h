// Which rank of its host a process is, and so which device it takes. The launcher's variables say
// so before MPI_Init, when a device has to be chosen; MPI says so afterwards, and that is the
// truth.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ornstein {

using Environment = std::function<const char*(const char*)>;  // std::getenv; null where unset

std::optional<int> whole_number(const Environment& variable, const char* name);  // >= 0

struct LocalRank {
  int rank = 0;        // from 0, among the ranks of this run on this host
  int size = 0;        // how many there are; 0: the launcher does not say
  std::string source;  // the variable that says so
};

// What the launcher says; nullopt without one. The launcher's own variables come before Slurm's:
// mpirun reaches other hosts by srun, and there SLURM_LOCALID counts mpirun's daemons. A batch
// shell has a SLURM_LOCALID without being a rank; SLURM_STEP_ID tells them apart.
std::optional<LocalRank> local_rank_of(const Environment& variable);

// The device of a rank among those `visible` to it (all of the host's, or its own only). None:
// nullopt, it computes on the processor.
std::optional<int> device_of(int local_rank, int visible);

struct Seat {
  std::string host;
  std::string device;  // what tells the host's devices apart, as a bus address; "" for none
};

// The ranks on each device that has more than one; `seats` by rank. By the first rank, ascending.
std::vector<std::vector<int>> shared_devices(const std::vector<Seat>& seats);

}  // namespace ornstein
