// Who holds up a job whose collectives do not end, told from what each rank last published.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "framework/comm/flight_recorder.h"

namespace ornstein {

// What one rank says of itself once a second.
struct Sighting {
  int64_t beat = 0;  // rises with every publication
  std::string host, phase;
  int64_t step = 0;
  std::vector<Operation> recent;  // oldest first

  int64_t sequence() const { return recent.empty() ? 0 : recent.back().sequence; }
};

std::string to_text(const Sighting& sighting);
Sighting sighting_from_text(const std::string& text);

struct Verdict {
  std::vector<int> ranks;  // at fault; empty when no rank stands out
  std::string why;         // "rank 1 on HOST ...", without cure
};

// `now` and `before`: the board, one entry a rank, read twice a few beats apart; empty where the
// board does not answer. In this order:
//   a silent board          rank 0, which holds it, is dead, stopped or cut off
//   a beat that stood still these ranks are
//   two forms of one number some rank left a collective out, or did one more: the smaller party;
//                           of two equal ones the one that is further on in training, or whose
//                           operation is not the one that came here the last time; in a first
//                           step of two ranks that may not be told
//   the lowest number       these ranks do not come to the collective that the others wait in
Verdict judge(const std::optional<std::vector<Sighting>>& before,
              const std::optional<std::vector<Sighting>>& now);

}  // namespace ornstein
