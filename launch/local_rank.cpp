#include "launch/local_rank.h"

#include <charconv>

namespace ornstein {
namespace {

std::optional<int> whole_number(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

// Slurm's counts a node, "2(x3),1" for 2, 2, 2, 1: that of node `node`. 0 if it cannot be read.
int tasks_on_node(std::string_view counts, int node) {
  while (!counts.empty()) {
    const std::string_view entry = counts.substr(0, counts.find(','));
    counts.remove_prefix(std::min(counts.size(), entry.size() + 1));
    const size_t times = entry.find("(x");
    const auto tasks = whole_number(entry.substr(0, times));
    const auto nodes =
        times == entry.npos ? 1 : whole_number(entry.substr(times + 2, entry.size() - times - 3));
    if (!tasks || !nodes) return 0;
    if (node < *nodes) return *tasks;
    node -= *nodes;
  }
  return 0;
}

}  // namespace

std::optional<int> whole_number(const Environment& variable, const char* name) {
  const char* text = variable(name);
  return text ? whole_number(std::string_view(text)) : std::nullopt;
}

std::optional<LocalRank> local_rank_of(const Environment& variable) {
  for (const auto& [rank, size] : {
           std::pair{"OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"},  // Open MPI
           std::pair{"MPI_LOCALRANKID", "MPI_LOCALNRANKS"},                        // MPICH, Intel
           std::pair{"MV2_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_SIZE"},    // MVAPICH2
           std::pair{"PALS_LOCAL_RANKID", "PALS_LOCAL_SIZE"},                      // HPE Cray
       }) {
    if (const auto number = whole_number(variable, rank))
      return LocalRank{*number, whole_number(variable, size).value_or(0), rank};
  }
  const auto slurm = whole_number(variable, "SLURM_LOCALID");
  if (!slurm || variable("SLURM_STEP_ID") == nullptr) return std::nullopt;
  const char* counts = variable("SLURM_STEP_TASKS_PER_NODE");
  const auto node = whole_number(variable, "SLURM_NODEID");
  return LocalRank{*slurm, counts && node ? tasks_on_node(counts, *node) : 0, "SLURM_LOCALID"};
}

std::optional<int> device_of(int local_rank, int visible) {
  if (visible <= 0) return std::nullopt;
  return local_rank % visible;
}

std::vector<std::vector<int>> shared_devices(const std::vector<Seat>& seats) {
  std::map<std::pair<std::string, std::string>, std::vector<int>> ranks_on;
  for (size_t rank = 0; rank < seats.size(); ++rank) {
    if (!seats[rank].device.empty())
      ranks_on[{seats[rank].host, seats[rank].device}].push_back(static_cast<int>(rank));
  }
  std::vector<std::vector<int>> shared;
  for (const auto& [device, ranks] : ranks_on) {
    if (ranks.size() > 1) shared.push_back(ranks);
  }
  std::sort(shared.begin(), shared.end());
  return shared;
}

}  // namespace ornstein
