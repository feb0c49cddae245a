#include "framework/comm/verdict.h"

#include <algorithm>
#include <map>
#include <sstream>

namespace ornstein {
namespace {

using Board = std::vector<Sighting>;

std::string describe(const Operation& operation) {
  return fmt::format("collective {}, {} of {} bytes in step {}", operation.sequence, operation.name,
                     operation.bytes, operation.step + 1);
}

std::string names(const Board& board, const std::vector<int>& ranks) {
  std::vector<std::string> hosts;
  for (const int r : ranks) {
    if (std::find(hosts.begin(), hosts.end(), board[r].host) == hosts.end())
      hosts.push_back(board[r].host);
  }
  return fmt::format("{} {} on {}", ranks.size() == 1 ? "rank" : "ranks", fmt::join(ranks, ", "),
                     fmt::join(hosts, ", "));
}

const Operation* find(const Sighting& sighting, int64_t sequence) {
  for (const Operation& operation : sighting.recent)
    if (operation.sequence == sequence) return &operation;
  return nullptr;
}

// The first number at which two ranks did different things; 0: none that is still known.
int64_t first_difference(const Board& board) {
  int64_t first = 1, end = std::numeric_limits<int64_t>::max();
  for (const Sighting& sighting : board) {
    if (sighting.recent.empty()) return 0;
    first = std::max(first, sighting.recent.front().sequence);
    end = std::min(end, sighting.recent.back().sequence + 1);
  }
  for (int64_t sequence = first; sequence < end; ++sequence) {
    for (const Sighting& sighting : board)
      if (!find(sighting, sequence)->like(*find(board.front(), sequence))) return sequence;
  }
  return 0;
}

bool of_one_form(const Operation& a, const Operation& b) {
  return a.name == b.name && a.bytes == b.bytes;
}

// Training repeats itself: whether the operation is not among those that followed the last times,
// when the stretch before was like the one before it, as long as possible.
bool surprises(const Sighting& sighting, int64_t sequence) {
  int64_t longest = 1;
  bool known = false, usual = false;
  for (const Operation& candidate : sighting.recent) {
    if (candidate.sequence >= sequence) break;
    int64_t like = 0;
    while (true) {
      const Operation* before = find(sighting, candidate.sequence - like - 1);
      const Operation* here = find(sighting, sequence - like - 1);
      if (!before || !here || !of_one_form(*before, *here)) break;
      ++like;
    }
    if (like < longest) continue;
    if (like > longest) usual = false;
    longest = like;
    known = true;
    usual = usual || of_one_form(candidate, *find(sighting, sequence));
  }
  return known && !usual;
}

// Ranks by what they did at `sequence`, the parties at fault first; how many these are. More than
// one: it cannot be told which.
std::pair<std::vector<std::vector<int>>, size_t> parties_at(const Board& board, int64_t sequence) {
  std::vector<std::vector<int>> parties;
  const auto operation = [&](int r) { return *find(board[r], sequence); };
  for (int r = 0; r < static_cast<int>(board.size()); ++r) {
    const auto mine = std::find_if(parties.begin(), parties.end(), [&](const auto& party) {
      return operation(party.front()).like(operation(r));
    });
    if (mine == parties.end())
      parties.push_back({r});
    else
      mine->push_back(r);
  }
  const auto fault = [&](const std::vector<int>& party) {  // the larger, the likelier
    return std::tuple(-static_cast<int64_t>(party.size()), operation(party.front()).step,
                      surprises(board[party.front()], sequence));
  };
  std::stable_sort(parties.begin(), parties.end(),
                   [&](const auto& a, const auto& b) { return fault(a) > fault(b); });
  size_t guilty = 1;
  while (guilty < parties.size() && fault(parties[guilty]) == fault(parties[0])) ++guilty;
  return {parties, guilty};
}

}  // namespace

std::string to_text(const Sighting& sighting) {
  std::string text =
      fmt::format("{} {} {} {}\n", sighting.beat, sighting.step, sighting.host, sighting.phase);
  for (const Operation& it : sighting.recent)
    text += fmt::format("{} {} {} {:.6f} {:.6f} {}\n", it.sequence, it.bytes, it.step, it.begun,
                        it.ended, it.name);
  return text;
}

Sighting sighting_from_text(const std::string& text) {
  std::istringstream lines(text);
  Sighting sighting;
  lines >> sighting.beat >> sighting.step >> sighting.host >> std::ws;
  std::getline(lines, sighting.phase);
  Operation it;
  while (lines >> it.sequence >> it.bytes >> it.step >> it.begun >> it.ended >> std::ws &&
         std::getline(lines, it.name))
    sighting.recent.push_back(it);
  return sighting;
}

Verdict judge(const std::optional<Board>& before, const std::optional<Board>& now) {
  if (!before || !now)
    return {{0},
            "rank 0, which keeps the board of all ranks, does not answer: it is stopped or "
            "gone, or the network to its host is cut"};
  std::vector<int> still, lowest;
  int64_t least = std::numeric_limits<int64_t>::max(), most = 0;
  for (int r = 0; r < static_cast<int>(now->size()); ++r) {
    if ((*now)[r].beat == (*before)[r].beat) still.push_back(r);
    const int64_t sequence = (*now)[r].sequence();
    if (sequence < least) lowest.clear();
    if (sequence <= least) lowest.push_back(r);
    least = std::min(least, sequence);
    most = std::max(most, sequence);
  }
  const auto last_seen = [&](int r) {
    const Sighting& it = (*now)[r];
    return fmt::format("{}, step {}{}", it.phase, it.step + 1,
                       it.recent.empty() ? "" : ", " + describe(it.recent.back()));
  };
  if (!still.empty()) {
    return {still, fmt::format("{}: no sign of life, stopped or gone or cut off (last seen: {})",
                               names(*now, still), last_seen(still.front()))};
  }
  if (const int64_t sequence = first_difference(*now)) {
    const auto [parties, guilty] = parties_at(*now, sequence);
    const auto did = [&](int r) { return describe(*find((*now)[r], sequence)); };
    if (guilty == 1) {
      const int other = parties[1].front();
      return {parties[0],
              fmt::format("{} went another way than the others: {}, where rank {} has {}",
                          names(*now, parties[0]), did(parties[0].front()), other, did(other))};
    }
    std::vector<int> all;
    std::vector<std::string> ways;
    for (const auto& party : parties) {
      all.insert(all.end(), party.begin(), party.end());
      ways.push_back(fmt::format("rank {}: {}", party.front(), did(party.front())));
    }
    return {all, fmt::format("{} went different ways, and it cannot be told which is wrong: {}",
                             names(*now, all), fmt::join(ways, "; "))};
  }
  if (least == most) {
    return {{},
            fmt::format("all ranks wait in the same place ({}): the network between them "
                        "stands still",
                        last_seen(0))};
  }
  const auto ahead = std::max_element(now->begin(), now->end(), [](const auto& a, const auto& b) {
    return a.sequence() < b.sequence();
  });
  return {lowest, fmt::format("{} does not come to {} (it is at: {})", names(*now, lowest),
                              describe(ahead->recent.back()), last_seen(lowest.front()))};
}

}  // namespace ornstein
