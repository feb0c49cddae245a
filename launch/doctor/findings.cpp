#include "launch/doctor/findings.h"

#include <set>

#include "launch/device_choice.h"
#include "launch/doctor/table.h"

namespace ornstein {
namespace {

constexpr int64_t kLittleSpace = 1'000'000'000;   // bytes on disk
constexpr double kSlowReduction = 2e-3;           // seconds, of the smallest
constexpr int64_t kLittleMemory = 1'000'000'000;  // bytes a rank; the smallest networks take 0.2e9

using Facts = std::vector<RankFacts>;
using Lines = std::vector<std::string>;

std::string ranks_text(const std::vector<int>& ranks) {
  return fmt::format("rank{} {}", ranks.size() > 1 ? "s" : "", number_ranges(ranks));
}

// "ranks 0-3: A; rank 4: B", by the first rank that has the value. "" if all have the same.
std::string differing(const Facts& facts, const std::function<std::string(const RankFacts&)>& of) {
  std::vector<std::pair<std::string, std::vector<int>>> values;
  for (size_t rank = 0; rank < facts.size(); ++rank) {
    const std::string value = of(facts[rank]);
    auto known = std::find_if(values.begin(), values.end(),
                              [&](const auto& entry) { return entry.first == value; });
    if (known == values.end()) known = values.insert(values.end(), {value, {}});
    known->second.push_back(static_cast<int>(rank));
  }
  if (values.size() < 2) return "";
  Lines parts;
  for (const auto& [value, ranks] : values)
    parts.push_back(fmt::format("{}: {}", ranks_text(ranks), value));
  return fmt::format("{}", fmt::join(parts, "; "));
}

std::map<std::string, std::vector<int>> ranks_by_host(const Facts& facts) {
  std::map<std::string, std::vector<int>> hosts;
  for (size_t rank = 0; rank < facts.size(); ++rank)
    hosts[facts[rank].seat.host].push_back(static_cast<int>(rank));
  return hosts;
}

// Ranks of one host, linked by cores that they have in common, with all cores of theirs.
struct Crowd {
  std::vector<int> ranks;
  std::set<int> cores;
};

std::vector<Crowd> crowds(const std::vector<int>& ranks, const Facts& facts) {
  std::vector<Crowd> found;
  for (const int rank : ranks) {
    Crowd merged{{rank}, {facts[rank].cores.begin(), facts[rank].cores.end()}};
    std::erase_if(found, [&](const Crowd& other) {
      const bool meets = std::any_of(other.cores.begin(), other.cores.end(),
                                     [&](int core) { return merged.cores.contains(core); });
      if (meets) {
        merged.ranks.insert(merged.ranks.end(), other.ranks.begin(), other.ranks.end());
        merged.cores.insert(other.cores.begin(), other.cores.end());
      }
      return meets;
    });
    std::sort(merged.ranks.begin(), merged.ranks.end());
    found.push_back(std::move(merged));
  }
  return found;
}

// Where the same is odd.
struct Place {
  std::vector<int> ranks;
  std::set<std::string> hosts;
};

std::string text_of(Place place) {
  std::sort(place.ranks.begin(), place.ranks.end());
  return fmt::format("{} on {}", ranks_text(place.ranks),
                     place.hosts.size() > 3
                         ? fmt::format("{} hosts, as {}", place.hosts.size(), *place.hosts.begin())
                         : fmt::format("{}", fmt::join(place.hosts, ", ")));
}

void add_crowded(const Facts& facts, Lines& lines) {
  std::map<std::string, Place> places;  // by what is odd there; equal hosts share a line
  for (const auto& [host, ranks] : ranks_by_host(facts)) {
    for (const Crowd& crowd : crowds(ranks, facts)) {
      if (crowd.cores.empty() || crowd.ranks.size() <= crowd.cores.size()) continue;
      const int host_cores = facts[crowd.ranks[0]].host_cores;
      const bool others_idle = static_cast<int>(crowd.cores.size()) < host_cores;
      const bool polls = std::any_of(crowd.ranks.begin(), crowd.ranks.end(),
                                     [&](int rank) { return facts[rank].polls; });
      std::vector<std::string> odd = {fmt::format(
          "{} ranks share {} core{} ({}{}) {}", crowd.ranks.size(), crowd.cores.size(),
          crowd.cores.size() > 1 ? "s" : "",
          number_ranges({crowd.cores.begin(), crowd.cores.end()}),
          others_idle ? fmt::format("; the host has {}", host_cores) : "",
          others_idle ? "give each its own: mpirun --bind-to core, or srun --cpus-per-task=1 "
                        "--cpu-bind=cores"
                      : "start fewer ranks a host")};
      if (polls) {
        odd.emplace_back(
            "ranks poll while they wait (OMPI_MCA_mpi_yield_when_idle is not 1) and keep those "
            "that "
            "share their cores from computing: set it to 1, or unset it");
      }
      for (const std::string& what : odd) {
        Place& place = places[what];
        place.hosts.insert(host);
        place.ranks.insert(place.ranks.end(), crowd.ranks.begin(), crowd.ranks.end());
      }
    }
  }
  for (const auto& [what, place] : places)
    lines.push_back(fmt::format("{}: {}", text_of(place), what));
}

void add_little_memory(const Facts& facts, Lines& lines) {
  for (const auto& [host, ranks] : ranks_by_host(facts)) {
    int64_t available = facts[ranks[0]].available;
    for (const int rank : ranks) available = std::min(available, facts[rank].available);
    if (available >= kLittleMemory * static_cast<int64_t>(ranks.size())) continue;
    lines.push_back(fmt::format(
        "{} has {:.1f} GB free for {} rank{} (under 1 GB a rank) "
        "start fewer ranks a host, or ask for more memory (sbatch --mem)",
        host, static_cast<double>(available) / 1e9, ranks.size(), ranks.size() > 1 ? "s" : ""));
  }
}

}  // namespace

std::vector<std::string> odd_things(const std::vector<RankFacts>& facts) {
  Lines lines;
  const std::string processors = differing(facts, [](const RankFacts& f) {
    return fmt::format("{}: {}", f.processor.model, f.processor.features);
  });
  if (!processors.empty()) {
    lines.push_back(fmt::format(
        "processors differ ({}) the ranks would drift apart in the last bits, and the comparison "
        "at a checkpoint ends such a run: ask for one kind of host (sbatch --constraint)",
        processors));
  }
  const std::string capabilities =
      differing(facts, [](const RankFacts& f) { return f.capability; });
  if (!capabilities.empty()) {
    lines.push_back(
        fmt::format("LibTorch computes with other instructions on some ranks ({}) they would drift "
                    "apart in the last bits: set ATEN_CPU_CAPABILITY alike everywhere",
                    capabilities));
  }
  const std::string versions = differing(facts, [](const RankFacts& f) { return f.versions; });
  if (!versions.empty()) {
    lines.push_back(fmt::format(
        "libraries differ ({}) install the same on all hosts, or use a shared folder", versions));
  }
  add_crowded(facts, lines);
  std::vector<Seat> seats;
  for (const RankFacts& f : facts) seats.push_back(f.seat);
  for (const std::string& line : device_conflicts(seats)) lines.push_back(line);
  add_little_memory(facts, lines);
  return lines;
}

std::vector<std::string> odd_things(const std::vector<ReductionTime>& times) {
  if (times.empty() || times[0].seconds < kSlowReduction) return {};
  return {fmt::format(
      "an all-reduce of {} bytes takes {:.1f} ms (ranks wait for a core, or the network is slow) "
      "look for other programs on these hosts, and whether MPI uses the fast network",
      times[0].bytes, 1e3 * times[0].seconds)};
}

std::vector<std::string> odd_things(const OutFolder& folder, const char* hdf5_locking) {
  Lines lines;
  if (!folder.writable)
    lines.push_back(fmt::format(
        "{} is not writable (no run can be kept there) choose another --out", folder.path));
  if (!folder.lock_refused.empty()) {
    lines.push_back(
        fmt::format("{} cannot be locked ({}) mount it with flock, or choose another "
                    "--out",
                    folder.path, folder.lock_refused));
  }
  const std::string_view locking = hdf5_locking ? hdf5_locking : "";
  if (folder.over_network && (locking == "TRUE" || locking == "1")) {
    lines.push_back(fmt::format(
        "HDF5 locks files on {} ({} is {}, a network file system, where locks may be refused or "
        "hang; HDF5_USE_FILE_LOCKING is {}) unset it: this program needs none",
        folder.file_system, folder.path, folder.file_system, locking));
  }
  if (folder.writable && folder.free < kLittleSpace)
    lines.push_back(
        fmt::format("{} has {:.2f} GB free (a full disk ends a run) make space, or choose "
                    "another --out",
                    folder.path, static_cast<double>(folder.free) / 1e9));
  return lines;
}

}  // namespace ornstein
