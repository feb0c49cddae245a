#include "launch/versions.h"

#include <H5public.h>
#include <mpi.h>

#include <cstdlib>
#include <ctime>

namespace ornstein {

JsonLine versions() {
  char mpi[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  MPI_Get_library_version(mpi, &length);
  const std::string mpi_text(mpi);
  unsigned major = 0, minor = 0, patch = 0;
  H5get_libversion(&major, &minor, &patch);
  return JsonLine()
      .add("ornstein", ORNSTEIN_VERSION)
      .add("libtorch", TORCH_VERSION)
      .add("mpi", mpi_text.substr(0, mpi_text.find(',')))
      .add("hdf5", fmt::format("{}.{}.{}", major, minor, patch));
}

bool hdf5_is_thread_safe() {
  hbool_t answer = false;
  H5is_library_threadsafe(&answer);
  return answer;
}

// In a batch script SLURM_PROCID is set without a step; inside mpirun it is set too, and wrong.
std::string launcher_name() {
  if (std::getenv("OMPI_COMM_WORLD_RANK")) return "mpirun";
  if (std::getenv("SLURM_STEP_ID") && std::getenv("SLURM_PROCID")) return "srun";
  return "none";
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc = {};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace ornstein
