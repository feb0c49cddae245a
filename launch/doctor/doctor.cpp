// `ornstein doctor`: what these machines and this launch offer, and what is odd about them.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

#include "framework/comm/devices.h"
#include "launch/commands.h"
#include "launch/doctor/facts.h"
#include "launch/doctor/findings.h"
#include "launch/doctor/reduction.h"
#include "launch/doctor/table.h"
#include "launch/mpi_session.h"
#include "launch/versions.h"

namespace ornstein {
namespace {

std::string devices_text() {
  if (!built_for_cuda()) return "none in this build, nor NCCL; runtime.device auto means cpu";
  const auto devices = visible_devices();
  if (devices.empty()) return "no GPU is there; runtime.device auto means cpu";
  std::vector<std::string> parts;
  for (const VisibleDevice& device : devices)
    parts.push_back(fmt::format("{} at {}, {:.0f} GB", device.name, device.bus,
                                static_cast<double>(device.bytes) / 1e9));
  return fmt::format("rank 0 sees {}", fmt::join(parts, "; "));
}

struct FileSystem {
  long magic;  // statfs(2)
  const char* name;
  bool over_network;
};
constexpr FileSystem kFileSystems[] = {
    {0xEF53, "ext4", false},      {0x58465342, "xfs", false},     {0x9123683E, "btrfs", false},
    {0x01021994, "tmpfs", false}, {0x794c7630, "overlay", false}, {0x2FC12FC1, "zfs", false},
    {0x6969, "nfs", true},        {0x0BD00BD0, "lustre", true},   {0x47504653, "gpfs", true},
    {0x19830326, "beegfs", true}, {0x00C36400, "ceph", true},     {0xAAD7AAEA, "panfs", true},
    {0xFF534D42, "cifs", true},   {0xFE534D42, "smb", true},      {0x5346414F, "afs", true},
    {0x65735546, "fuse", true},   {0x01021997, "9p", true},
};

// Why a file in `folder` cannot be locked; "" where it can, or where no file can be made. The file
// has no name by the time it is locked.
std::string lock_refused(const std::string& folder) {
  std::string name = folder + "/.doctor_XXXXXX";
  const int file = ::mkstemp(name.data());
  if (file < 0) return "";
  ::unlink(name.c_str());
  const std::string reason = ::flock(file, LOCK_EX | LOCK_NB) == 0 ? "" : std::strerror(errno);
  ::close(file);
  return reason;
}

// Of a folder that need not be there yet: then of the nearest around it.
OutFolder look_at(const std::string& path) {
  namespace fs = std::filesystem;
  fs::path folder = fs::absolute(path);
  std::error_code ignored;
  while (!fs::exists(folder, ignored) && folder.has_relative_path()) folder = folder.parent_path();
  OutFolder found{.path = path, .file_system = "unknown"};
  struct statfs info = {};
  if (::statfs(folder.c_str(), &info) != 0) return found;
  const auto magic = static_cast<long>(static_cast<uint32_t>(info.f_type));
  found.file_system = fmt::format("type {:#x}", magic);
  for (const FileSystem& known : kFileSystems) {
    if (known.magic != magic) continue;
    found.file_system = known.name;
    found.over_network = known.over_network;
  }
  found.writable = ::access(folder.c_str(), W_OK) == 0;
  found.lock_refused = lock_refused(folder);
  found.free = static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_bsize);
  return found;
}

std::string size_text(int64_t bytes) {
  return bytes < (1 << 20) ? fmt::format("{} KB", bytes >> 10) : fmt::format("{} MB", bytes >> 20);
}

void print_reductions(const std::vector<ReductionTime>& times) {
  for (const auto& [bytes, seconds] : times) {
    fmt::print("{:<14} {:>5}  {:>10.1f} us  {:>7.3f} GB/s\n",
               bytes == times[0].bytes ? "all-reduce" : "", size_text(bytes), 1e6 * seconds,
               static_cast<double>(bytes) / 1e9 / seconds);
  }
}

}  // namespace

int doctor(const std::string& out, const MpiSession& session) {
  const ProcessGroup group = make_process_group(MPI_COMM_WORLD, at::kCPU);
  const std::vector<RankFacts> facts = gather(group, facts_of_this_rank(session));
  std::vector<ReductionTime> reductions;
  if (session.ranks() > 1) reductions = time_reductions(group);
  if (session.rank() != 0) return kDone;

  std::set<std::string> hosts;
  for (const RankFacts& rank : facts) hosts.insert(rank.seat.host);
  struct utsname machine = {};
  uname(&machine);
  const OutFolder folder = look_at(out);
  fmt::print("launcher       {}, {} rank{} on {} host{}\n", launcher_name(), session.ranks(),
             session.ranks() > 1 ? "s" : "", hosts.size(), hosts.size() > 1 ? "s" : "");
  fmt::print("versions       {}\n", facts[0].versions);
  fmt::print("system         {} {}, {} cores\n", machine.sysname, machine.release,
             facts[0].host_cores);
  fmt::print("CUDA           {}\n", devices_text());
  fmt::print("HDF5           {}thread-safe; all calls here take turns\n",
             hdf5_is_thread_safe() ? "" : "not ");
  fmt::print("idle ranks     {}\n", facts[0].polls ? "poll (OMPI_MCA_mpi_yield_when_idle is not 1)"
                                                   : "give way (mpi_yield_when_idle 1)");
  fmt::print("{:<14} {}, {:.1f} GB free, {}\n", out, folder.file_system,
             static_cast<double>(folder.free) / 1e9, folder.writable ? "writable" : "not writable");
  print_reductions(reductions);
  fmt::print("\n{}\n", table_of(facts));

  std::vector<std::string> odd = odd_things(facts);
  for (const auto& more :
       {odd_things(reductions), odd_things(folder, std::getenv("HDF5_USE_FILE_LOCKING"))})
    odd.insert(odd.end(), more.begin(), more.end());
  if (odd.empty()) fmt::print("nothing is odd\n");
  for (const std::string& line : odd) fmt::print("odd: {}\n", line);
  std::fflush(stdout);
  return kDone;
}

}  // namespace ornstein
