// Reads shards ahead of the training step: one thread, no fork.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "framework/data/sampler.h"

namespace ornstein {

class Loader {
 public:
  // Delivers the shards `range` of step `first_step`, then of the next step, and so on, each moved
  // to `device`.
  Loader(std::shared_ptr<const Dataset> data, ShardPlan plan, ShardRange range, int64_t first_step,
         at::Device device);
  ~Loader();
  Loader(const Loader&) = delete;

  // The next shard in that order; waits until it is read. Rethrows what reading threw.
  Batch next();

 private:
  void read_ahead();

  std::shared_ptr<const Dataset> data_;
  const ShardPlan plan_;
  const ShardRange range_;
  const int64_t first_step_;
  const at::Device device_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> ready_;  // at most kAhead
  std::exception_ptr failure_;
  bool stop_ = false;
  std::thread thread_;  // last: starts when all else is there
};

}  // namespace ornstein
