#include "framework/comm/gradient_reducer.h"

#include <chrono>

namespace ornstein {

// Counts one parameter's gradient into its bucket.
class GradientReducer::Hook final : public torch::autograd::PostAccumulateGradHook {
 public:
  Hook(GradientReducer& reducer, size_t bucket, const void* gradient)
      : reducer_(reducer), bucket_(bucket), gradient_(gradient) {}

  void operator()(const at::Tensor& parameter) override {
    Bucket& bucket = reducer_.buckets_[bucket_];
    if (!reducer_.armed_ || !reducer_.active_[bucket.buffer]) return;
    TORCH_CHECK(parameter.grad().const_data_ptr() == gradient_,
                "a parameter's .grad no longer is the view of the flat gradient buffer");
    TORCH_CHECK(pass_ != reducer_.pass_, "two backwards between begin() and finish()");
    pass_ = reducer_.pass_;
    if (--bucket.missing == 0) reducer_.launch_full_buckets();
  }

 private:
  GradientReducer& reducer_;
  const size_t bucket_;
  const void* const gradient_;
  uint64_t pass_ = 0;  // the last one it counted in
};

GradientReducer::GradientReducer(ProcessGroup group, const std::vector<GradientBuffer>& buffers,
                                 int64_t bucket_bytes)
    : group_(std::move(group)), active_(buffers.size(), false) {
  for (size_t i = buffers.size(); i-- > 0;) cut(i, buffers[i], bucket_bytes);
  for (const auto& [parameter, bucket] : members_) {
    torch::autograd::impl::set_post_acc_grad_hooks(
        parameter, std::make_unique<Hook>(*this, bucket, parameter.grad().const_data_ptr()));
  }
}

GradientReducer::~GradientReducer() {
  for (const auto& [parameter, bucket] : members_) {
    torch::autograd::impl::set_post_acc_grad_hooks(parameter, nullptr);
  }
}

void GradientReducer::cut(size_t buffer, const GradientBuffer& gradients, int64_t bucket_bytes) {
  const at::Tensor& flat = gradients.flat;
  TORCH_CHECK(flat.dim() == 1 && flat.is_contiguous() &&
                  gradients.offsets.size() == gradients.parameters.size(),
              "gradient buffer '", gradients.name,
              "' is not flat, or parameters and offsets differ in number");
  const int64_t item = flat.element_size();
  int64_t end = flat.numel();  // of the bucket being filled
  int64_t members = 0;
  for (size_t i = gradients.parameters.size(); i-- > 0;) {
    const at::Tensor& parameter = gradients.parameters[i];
    const int64_t offset = gradients.offsets[i];
    const at::Tensor& gradient = parameter.grad();
    TORCH_CHECK(gradient.defined() && gradient.is_contiguous() && gradient.is_alias_of(flat) &&
                    gradient.storage_offset() == flat.storage_offset() + offset &&
                    offset + gradient.numel() <= end,
                "parameter ", i, " of gradient buffer '", gradients.name,
                "': .grad is not a view at its offset");
    TORCH_CHECK(!torch::autograd::impl::post_acc_grad_hooks(parameter), "parameter ", i,
                " of gradient buffer '", gradients.name, "' already has a reducer");
    members_.push_back({parameter, buckets_.size()});
    ++members;
    const int64_t limit = buckets_.empty() ? bucket_bytes / 4 : bucket_bytes;
    const bool next_overflows = i > 0 && (end - gradients.offsets[i - 1]) * item > limit;
    if (i > 0 && !next_overflows) continue;
    buckets_.push_back({buffer, flat.slice(0, offset, end), members});
    end = offset;
    members = 0;
  }
  TORCH_CHECK(end == 0, "gradient buffer '", gradients.name,
              "' has no parameters, or none at offset 0");
}

void GradientReducer::begin(const std::vector<bool>& active) {
  TORCH_CHECK(!armed_, "begin() twice without finish()");
  TORCH_CHECK(active.size() == active_.size(), active.size(), " flags for ", active_.size(),
              " gradient buffers");
  armed_ = true;
  active_ = active;
  next_ = 0;
  ++pass_;
  works_.clear();
  timing_ = {};
  for (auto& bucket : buckets_) bucket.missing = bucket.parameters;
}

void GradientReducer::finish() {
  TORCH_CHECK(armed_, "finish() without begin()");
  const auto start = std::chrono::steady_clock::now();
  timing_.launched_early = timing_.buckets;
  while (next_ < buckets_.size()) launch_next();
  armed_ = false;
  for (const auto& work : works_) work->wait();
  timing_.wait_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void GradientReducer::launch_full_buckets() {
  while (next_ < buckets_.size() &&
         (!active_[buckets_[next_].buffer] || buckets_[next_].missing == 0)) {
    launch_next();
  }
}

void GradientReducer::launch_next() {
  const Bucket& bucket = buckets_[next_++];
  if (!active_[bucket.buffer]) return;
  std::vector<at::Tensor> slice = {bucket.slice};
  works_.push_back(group_->allreduce(slice));
  ++timing_.buckets;
}

}  // namespace ornstein
