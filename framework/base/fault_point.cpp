#include "framework/base/fault_point.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <mutex>
#include <sstream>

#include "framework/base/errors.h"
#include "framework/base/log.h"

namespace ornstein {
namespace {

constexpr std::array kPoints = {
    "checkpoint.create", "checkpoint.header", "checkpoint.latest", "checkpoint.prune",
    "checkpoint.read",   "checkpoint.rename", "checkpoint.sync",   "checkpoint.sync_directory",
    "checkpoint.tensor", "collective",        "data.row",          "device_collective",
    "evaluating",        "loading",           "sampling",          "training.loss",
    "training.step"};

enum Action : int { kKill = -5, kStop, kSleep, kThrow };  // below kFaultOn; the rest is returned

constexpr std::array<std::pair<std::string_view, int>, 10> kActions = {{{"kill", kKill},
                                                                        {"stop", kStop},
                                                                        {"sleep", kSleep},
                                                                        {"throw", kThrow},
                                                                        {"on", kFaultOn},
                                                                        {"EACCES", EACCES},
                                                                        {"EDQUOT", EDQUOT},
                                                                        {"EIO", EIO},
                                                                        {"ENOSPC", ENOSPC},
                                                                        {"EROFS", EROFS}}};

struct Fault {
  int action;
  std::string point;
  int64_t passage = 1;
  int64_t rank = -1;  // -1: any
  int64_t passed = 0;
};

std::atomic<bool> asked = false;
std::mutex mutex;
std::vector<Fault> faults;

[[noreturn]] void refuse(const std::string& fault, const std::string& why) {
  throw ConfigError(fmt::format(
      "ORNSTEIN_FAULT: '{}' ({}) write ACTION@POINT[:PASSAGE][/RANK], or unset it", fault, why));
}

// Cuts `text` at the last `mark` and returns the number behind it; `without` if there is no mark.
int64_t cut_number(std::string& text, char mark, int64_t without, int64_t least,
                   const std::string& fault) {
  const size_t at = text.rfind(mark);
  if (at == std::string::npos) return without;
  int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + at + 1, end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number < least)
    refuse(fault, fmt::format("no whole number of at least {} behind '{}'", least, mark));
  text.resize(at);
  return number;
}

Fault parse(const std::string& fault) {
  const size_t at = fault.find('@');
  if (at == std::string::npos) refuse(fault, "no '@'");
  const auto* action = std::find_if(kActions.begin(), kActions.end(), [&](const auto& known) {
    return known.first == fault.substr(0, at);
  });
  if (action == kActions.end()) {
    std::vector<std::string_view> names;
    for (const auto& known : kActions) names.push_back(known.first);
    refuse(fault, fmt::format("actions: {}", fmt::join(names, ", ")));
  }
  Fault parsed{action->second, fault.substr(at + 1)};
  parsed.rank = cut_number(parsed.point, '/', -1, 0, fault);
  parsed.passage =
      cut_number(parsed.point, ':', 1, parsed.point.starts_with("data.row") ? 0 : 1, fault);
  if (std::find(kPoints.begin(), kPoints.end(), parsed.point) == kPoints.end())
    refuse(fault, fmt::format("points: {}", fmt::join(kPoints, ", ")));
  return parsed;
}

int act(const Fault& fault) {
  switch (fault.action) {
    case kKill:
      ::kill(::getpid(), SIGKILL);
      return 0;
    case kStop:
      ::kill(::getpid(), SIGSTOP);
      return 0;
    case kSleep:
      for (;;) ::pause();
    case kThrow:
      throw Error(fmt::format("thrown at {} (ORNSTEIN_FAULT asks for it) unset it", fault.point));
    default:
      return fault.action;
  }
}

template <class IsHit>
int act_if(std::string_view point, IsHit is_hit) {
  if (!asked.load(std::memory_order_relaxed)) return 0;
  std::optional<Fault> hit;
  {
    const std::lock_guard lock(mutex);
    for (Fault& fault : faults) {
      if (fault.point != point || (fault.rank >= 0 && fault.rank != log_rank())) continue;
      if (is_hit(fault)) hit = fault;
    }
  }
  return hit ? act(*hit) : 0;  // other threads pass points while this one sleeps
}

}  // namespace

void read_faults() {
  const char* text = std::getenv("ORNSTEIN_FAULT");
  std::istringstream list(text ? text : "");
  std::vector<Fault> read;
  for (std::string fault; std::getline(list, fault, ',');) read.push_back(parse(fault));
  const std::lock_guard lock(mutex);
  faults = std::move(read);
  asked = !faults.empty();
}

int fault_point(const char* point) {
  return act_if(point, [](Fault& fault) { return ++fault.passed == fault.passage; });
}

int fault_at(const char* point, int64_t number) {
  return act_if(point, [&](const Fault& fault) { return number == fault.passage; });
}

}  // namespace ornstein
