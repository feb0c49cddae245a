#include "launch/doctor/table.h"

#include <set>

namespace ornstein {
namespace {

// Ranks [first, last) of `ranks`, all alike.
struct Line {
  std::vector<int> ranks;
  const RankFacts* first;
};

bool on_one_line(const RankFacts& a, const RankFacts& b) {
  const auto rest = [](const RankFacts& f) {
    return std::tie(f.seat.host, f.seat.device, f.memory, f.processor.model, f.processor.features,
                    f.capability);
  };
  return rest(a) == rest(b) && a.cores.size() == b.cores.size();
}

std::string cores_of(const std::vector<int>& ranks, const std::vector<RankFacts>& facts) {
  std::set<int> all;
  for (const int rank : ranks) all.insert(facts[rank].cores.begin(), facts[rank].cores.end());
  const std::string list = number_ranges({all.begin(), all.end()});
  const size_t each = facts[ranks[0]].cores.size();
  return each == all.size() ? fmt::format("{}: {}", each, list)
                            : fmt::format("{} each of {}", each, list);
}

// Columns as wide as their longest cell, two blanks apart.
std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows[0].size());
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) line += fmt::format("{:<{}}  ", row[c], widths[c]);
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

}  // namespace

std::string number_ranges(const std::vector<int>& numbers) {
  std::vector<std::string> parts;
  for (size_t first = 0; first < numbers.size();) {
    const int step = first + 1 < numbers.size() ? numbers[first + 1] - numbers[first] : 1;
    size_t last = first;
    while (last + 1 < numbers.size() && numbers[last + 1] - numbers[last] == step) ++last;
    if (step > 1 && last < first + 2) last = first;  // two numbers are no progression
    if (last == first)
      parts.push_back(fmt::format("{}", numbers[first]));
    else
      parts.push_back(fmt::format("{}-{}{}", numbers[first], numbers[last],
                                  step > 1 ? fmt::format(":{}", step) : ""));
    first = last + 1;
  }
  return fmt::format("{}", fmt::join(parts, ","));
}

std::string table_of(const std::vector<RankFacts>& facts) {
  std::vector<Line> lines;
  for (size_t rank = 0; rank < facts.size(); ++rank) {
    const auto alike = std::find_if(lines.begin(), lines.end(), [&](const Line& line) {
      return on_one_line(*line.first, facts[rank]);
    });
    if (alike == lines.end())
      lines.push_back({{static_cast<int>(rank)}, &facts[rank]});
    else
      alike->ranks.push_back(static_cast<int>(rank));
  }

  std::vector<std::vector<std::string>> rows = {
      {"ranks", "host", "local", "cores", "device", "memory", "processor"}};
  for (const auto& [ranks, first] : lines) {
    std::vector<int> local;
    int64_t available = first->available;
    for (const int rank : ranks) {
      local.push_back(facts[rank].local_rank);
      available = std::min(available, facts[rank].available);
    }
    rows.push_back({number_ranges(ranks), first->seat.host, number_ranges(local),
                    cores_of(ranks, facts), first->seat.device.empty() ? "cpu" : first->seat.device,
                    fmt::format("{:.1f} GB, {:.1f} free", static_cast<double>(first->memory) / 1e9,
                                static_cast<double>(available) / 1e9),
                    fmt::format("{}, {}: {}", first->processor.model, first->capability,
                                first->processor.features)});
  }
  return aligned(rows);
}

}  // namespace ornstein
