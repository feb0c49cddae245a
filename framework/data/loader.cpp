#include "framework/data/loader.h"

#include "framework/base/fault_point.h"

namespace ornstein {
namespace {
constexpr size_t kAhead = 3;  // batches held ready

// A row that is no number, as after a failing augmentation.
void poison(const at::Tensor& rows, at::Tensor& x) {
  const auto* row = rows.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < rows.numel(); ++i)
    if (fault_at("data.row", row[i]) != 0) x[i].fill_(std::nan(""));
}

}  // namespace

Loader::Loader(std::shared_ptr<const Dataset> data, ShardPlan plan, ShardRange range,
               int64_t first_step, at::Device device)
    : data_(std::move(data)),
      plan_(plan),
      range_(range),
      first_step_(first_step),
      device_(device),
      thread_([this] { read_ahead(); }) {}

Loader::~Loader() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Batch Loader::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !ready_.empty() || failure_; });
  if (ready_.empty()) std::rethrow_exception(failure_);
  Batch batch = std::move(ready_.front());
  ready_.pop_front();
  lock.unlock();
  changed_.notify_all();
  return batch.to(device_);
}

void Loader::read_ahead() {
  try {
    at::NoGradGuard no_grad;
    const c10::OptionalDeviceGuard guard(device_.is_cpu() ? std::optional<c10::Device>() : device_);
    for (int64_t step = first_step_;; ++step) {
      for (int64_t shard = range_.first; shard < range_.end; ++shard) {
        {
          std::unique_lock lock(mutex_);
          changed_.wait(lock, [this] { return ready_.size() < kAhead || stop_; });
          if (stop_) return;
        }
        const at::Tensor rows = plan_.rows_of(step, shard);
        Batch batch = data_->rows(rows);
        poison(rows, batch.x);
        if (!device_.is_cpu()) batch = batch.pinned();
        {
          std::lock_guard lock(mutex_);
          ready_.push_back(std::move(batch));
        }
        changed_.notify_all();
      }
    }
  } catch (...) {
    std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    changed_.notify_all();
  }
}

}  // namespace ornstein
