// `ornstein doctor`: what this machine and this launch offer, and what is odd about them.
#include <sched.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "framework/base/errors.h"
#include "framework/comm/process_group.h"
#include "launch/commands.h"
#include "launch/mpi_session.h"
#include "launch/versions.h"

namespace ornstein {
namespace {

int bound_cores() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

std::string file_system(const std::string& path) {
  struct statfs info = {};
  if (::statfs(path.c_str(), &info) != 0) return "not readable";
  const double free = static_cast<double>(info.f_bavail) * static_cast<double>(info.f_bsize) / 1e9;
  std::string kind = fmt::format("type {:#x}", static_cast<unsigned long>(info.f_type));
  for (const auto& [magic, name] :
       {std::pair{0xEF53L, "ext4"}, std::pair{0x01021994L, "tmpfs"}, std::pair{0x6969L, "nfs"},
        std::pair{0x58465342L, "xfs"}, std::pair{0x0BD00BD0L, "lustre"},
        std::pair{0x794c7630L, "overlay"}, std::pair{0x9123683EL, "btrfs"}}) {
    if (static_cast<long>(info.f_type) == magic) kind = name;
  }
  return fmt::format("{}, {:.1f} GB free, {}", kind, free,
                     ::access(path.c_str(), W_OK) == 0 ? "writable" : "not writable");
}

}  // namespace

int doctor(const std::string& out, const MpiSession& session) {
  const ProcessGroup group = make_process_group(MPI_COMM_WORLD, at::kCPU);
  struct utsname machine = {};
  uname(&machine);
  std::string row = fmt::format("{:<5} {:<24} {:<6} {:<8}", session.rank(), machine.nodename,
                                bound_cores(), at::get_cpu_capability());
  row.resize(128, ' ');
  const at::Tensor rows = gather_rows(
      group, at::from_blob(row.data(), {1, static_cast<int64_t>(row.size())}, at::kByte).clone());
  if (session.rank() != 0) return kDone;

  const char* yield = std::getenv("OMPI_MCA_mpi_yield_when_idle");
  fmt::print("launcher       {}, {} ranks\nversions       {}\n", launcher_name(), session.ranks(),
             versions().text());
  fmt::print("machine        {} {}, {} cores, {:.1f} GB\n", machine.sysname, machine.release,
             std::thread::hardware_concurrency(),
             static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                 static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e9);
  fmt::print(
      "CUDA           none in this build; runtime.device auto means cpu\nNCCL           none in "
      "this build\n");
  fmt::print("HDF5           {}thread-safe; all calls here take turns\n",
             hdf5_is_thread_safe() ? "" : "not ");
  fmt::print(
      "idle ranks     {}\n",
      yield && std::string(yield) == "1"
          ? "give way (mpi_yield_when_idle 1)"
          : "poll (set OMPI_MCA_mpi_yield_when_idle=1 unless each rank has a core to spare)");
  fmt::print("{:<14} {}\n\n", out, file_system(out));
  fmt::print("rank  host                     cores  processor\n");
  for (int64_t r = 0; r < rows.size(0); ++r) {
    std::string line(reinterpret_cast<const char*>(rows[r].const_data_ptr<uint8_t>()), row.size());
    fmt::print("{}\n", line.substr(0, line.find_last_not_of(' ') + 1));
  }
  std::fflush(stdout);
  return kDone;
}

}  // namespace ornstein
