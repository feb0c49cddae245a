#include "framework/comm/flight_recorder.h"

#include <algorithm>

namespace ornstein {

void FlightRecorder::about(const char* phase, int64_t step) {
  const std::lock_guard lock(mutex_);
  phase_ = phase;
  step_ = step;
}

void FlightRecorder::begin(const char* name, int64_t bytes) {
  const double now = seconds_since_1970();
  const std::lock_guard lock(mutex_);
  Operation& slot = ring_[count_ % kKept];
  slot.sequence = ++count_;
  slot.name = name;
  slot.bytes = bytes;
  slot.step = step_;
  slot.begun = now;
  slot.ended = 0;
}

void FlightRecorder::end() {
  const double now = seconds_since_1970();
  const std::lock_guard lock(mutex_);
  ring_[(count_ - 1) % kKept].ended = now;
}

void FlightRecorder::fail(const std::string& why) {
  std::function<void(const std::string&)> listener;
  {
    const std::lock_guard lock(mutex_);
    listener = listener_;
  }
  if (listener) listener(why);
}

void FlightRecorder::on_failure(std::function<void(const std::string&)> listener) {
  const std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
}

Operation FlightRecorder::last() const {
  const std::lock_guard lock(mutex_);
  return count_ == 0 ? Operation() : ring_[(count_ - 1) % kKept];
}

std::vector<Operation> FlightRecorder::recent(size_t most) const {
  const std::lock_guard lock(mutex_);
  const int64_t kept = std::min<int64_t>({count_, int64_t{kKept}, static_cast<int64_t>(most)});
  std::vector<Operation> operations;
  for (int64_t i = count_ - kept; i < count_; ++i) operations.push_back(ring_[i % kKept]);
  return operations;
}

std::pair<std::string, int64_t> FlightRecorder::phase_and_step() const {
  const std::lock_guard lock(mutex_);
  return {phase_, step_};
}

double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace ornstein
