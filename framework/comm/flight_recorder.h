// What the collectives of one rank did last. Always on: it costs two uncontended locks a
// collective. The watchdog reads it; a run that hangs leaves it in RUN/flight/.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace ornstein {

struct Operation {
  int64_t sequence = 0;  // of this rank's collectives, from 1; 0: none yet
  std::string name;      // "all-reduce"
  int64_t bytes = 0;
  int64_t step = 0;  // of training
  double begun = 0;  // seconds since 1970
  double ended = 0;  // 0 while under way

  bool under_way() const { return sequence > 0 && ended == 0; }
  // The same collective, as far as its form tells. Ranks of a group do like ones in one order.
  bool like(const Operation& other) const {
    return name == other.name && bytes == other.bytes && step == other.step;
  }
};

class FlightRecorder {
 public:
  // What the rank is about, for people: "training", "sampling". The step marks the operations.
  void about(const char* phase, int64_t step);

  // Around each collective, by the thread that makes the calls.
  void begin(const char* name, int64_t bytes);
  void end();

  // Instead of end(): the call failed. Whoever listens (the watchdog) may end the process.
  void fail(const std::string& why);
  void on_failure(std::function<void(const std::string& why)> listener);

  Operation last() const;
  std::vector<Operation> recent(size_t most) const;  // the last ones, oldest first
  std::pair<std::string, int64_t> phase_and_step() const;

  static constexpr size_t kKept = 256;

 private:
  mutable std::mutex mutex_;
  std::array<Operation, kKept> ring_;
  int64_t count_ = 0;
  const char* phase_ = "starting";
  int64_t step_ = 0;
  std::function<void(const std::string&)> listener_;
};

double seconds_since_1970();

}  // namespace ornstein
