#include "launch/device_choice.h"

#include <mpi.h>

#include "framework/base/errors.h"
#include "framework/comm/check_mpi.h"
#include "launch/doctor/table.h"

namespace ornstein {

std::optional<int> choose_device(const std::string& wanted, bool built, int visible,
                                 int local_rank) {
  if (wanted == "cpu") return std::nullopt;
  const auto device = device_of(local_rank, visible);
  if (wanted == "auto" || device) return device;
  if (!built)
    throw ConfigError(
        "runtime.device: 'cuda' cannot be used (this build has no CUDA support) set it to 'cpu' or "
        "'auto', or build the preset cuda");
  throw ConfigError(
      "runtime.device: 'cuda' cannot be used (no GPU is there: none in this host, none given to "
      "the job, or no driver) set it to 'cpu' or 'auto', or ask for GPUs");
}

std::vector<std::string> device_conflicts(const std::vector<Seat>& seats) {
  std::vector<std::string> lines;
  for (const auto& ranks : shared_devices(seats)) {
    lines.push_back(
        fmt::format("ranks {} on {} share device {} (each needs its own) start as many ranks a "
                    "host as it has devices, and let each see all: srun --gpus-per-node=N "
                    "--gpu-bind=none",
                    number_ranges(ranks), seats[ranks[0]].host, seats[ranks[0]].device));
  }
  std::vector<int> without;
  for (size_t rank = 0; rank < seats.size(); ++rank)
    if (seats[rank].device.empty()) without.push_back(static_cast<int>(rank));
  if (!without.empty() && without.size() < seats.size())
    lines.push_back(
        fmt::format("ranks {} have no device (the others have) give each rank one, or set "
                    "runtime.device to 'cpu'; the first of them is on {}",
                    number_ranges(without), seats[without[0]].host));
  return lines;
}

std::vector<Seat> gather_seats(const Seat& own) {
  constexpr int kText = 256;
  std::array<char, 2 * kText> sent = {};
  own.host.copy(sent.data(), kText - 1);
  own.device.copy(sent.data() + kText, kText - 1);
  int ranks = 0;
  check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &ranks), "MPI_Comm_size");
  std::vector<char> all(sent.size() * ranks);
  check_mpi(MPI_Allgather(sent.data(), 2 * kText, MPI_CHAR, all.data(), 2 * kText, MPI_CHAR,
                          MPI_COMM_WORLD),
            "MPI_Allgather");
  std::vector<Seat> seats;
  for (int r = 0; r < ranks; ++r) {
    const char* text = all.data() + r * sent.size();
    seats.push_back({text, text + kText});
  }
  return seats;
}

}  // namespace ornstein
