// Sums gradients over ranks while backward still runs.
//
// A parameter group keeps its gradients in one flat buffer; a bucket is a slice of it, padding
// included, so nothing is copied. Buckets are filled from the last parameter to the first, about
// the order in which backward produces gradients, and reduced in one fixed order on all ranks: a
// bucket that is full waits for those before it (Li et al. 2020, "PyTorch Distributed",
// arXiv:2006.15704, sec. 3.2; static buckets over flat buffers as in Megatron-LM).
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "framework/comm/process_group.h"

namespace c10d {
class Work;
}

namespace ornstein {

struct GradientBuffer {
  std::string name;                    // of the parameter group, for messages
  at::Tensor flat;                     // [elements, padding included]
  std::vector<at::Tensor> parameters;  // leaves; .grad of each is a view of `flat`
  std::vector<int64_t> offsets;        // of each view, in elements of `flat`; rising from 0
};

// Hooks on the parameters do the work; they live as long as the reducer, one reducer a parameter.
// Autograd runs hooks of CPU tensors on the thread that calls backward; one backward at a time.
class GradientReducer {
 public:
  // What the last step was like.
  struct Timing {
    int64_t buckets = 0;         // reduced
    int64_t launched_early = 0;  // of these, before backward ended
    double wait_seconds = 0;     // spent in finish()
  };

  // Buckets hold up to `bucket_bytes` (the first one a quarter, so that reduction begins early), or
  // one parameter that is larger. Same buffers on all ranks.
  GradientReducer(ProcessGroup group, const std::vector<GradientBuffer>& buffers,
                  int64_t bucket_bytes = kBucketBytes);
  ~GradientReducer();
  GradientReducer(const GradientReducer&) = delete;
  GradientReducer& operator=(const GradientReducer&) = delete;

  // Before the last backward of a step: from here on, buckets of buffers with `active` (one flag a
  // buffer, same on all ranks) are reduced as they fill. The others are left alone. Earlier
  // backwards of the step only add to the buffers.
  void begin(const std::vector<bool>& active);

  // After it: reduces what is left (parameters without a gradient keep their bucket open until
  // now), and waits. The active buffers then hold the sums over ranks. Rethrows the first
  // CommError.
  void finish();

  const Timing& timing() const { return timing_; }  // `buckets` rises while backward runs

 private:
  // Large enough to use the bandwidth, small enough that the last one, which nothing hides, is
  // short.
  static constexpr int64_t kBucketBytes = int64_t{4} << 20;

  struct Bucket {
    size_t buffer;
    at::Tensor slice;
    int64_t parameters = 0;
    int64_t missing = 0;  // parameters that have no gradient yet in this step
  };
  struct Member {
    at::Tensor parameter;
    size_t bucket;
  };
  class Hook;

  void cut(size_t buffer, const GradientBuffer& gradients, int64_t bucket_bytes);
  void launch_full_buckets();
  void launch_next();

  const ProcessGroup group_;
  std::vector<Member> members_;
  std::vector<Bucket> buckets_;  // in the order of reduction
  std::vector<bool> active_;     // by buffer
  bool armed_ = false;           // between begin() and finish()
  size_t next_ = 0;              // the first bucket not yet launched
  uint64_t pass_ = 0;            // counts begin()
  std::vector<c10::intrusive_ptr<c10d::Work>> works_;
  Timing timing_;
};

}  // namespace ornstein
