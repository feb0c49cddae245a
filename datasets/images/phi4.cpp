#include "datasets/images/phi4.h"

#include <random>

#include "framework/base/random.h"

namespace ornstein::images {
namespace {

class Chain {
 public:
  Chain(int64_t size, double beta, uint64_t key)
      : size_(static_cast<size_t>(size)),
        beta_(static_cast<float>(beta)),
        random_(key),
        x_(size_ * size_),
        in_cluster_(size_ * size_) {
    for (float& site : x_) site = 2 * uniform() - 1;
    for (size_t i = 0; i < x_.size(); ++i) neighbours_.push_back(around(i));
  }

  void run(int64_t steps) {
    for (int64_t step = 0; step < steps; ++step) {
      sweep();
      flip_cluster();
    }
  }

  // One row, [L, L].
  void draw(float* row) {
    const float sign = uniform() < 0.5f ? 1.0f : -1.0f;
    for (float site : x_) *row++ = sign * site;
  }

 private:
  float uniform() { return static_cast<float>(random_() >> 40) * 0x1p-24f; }  // [0, 1)

  std::array<uint32_t, 4> around(size_t i) const {
    const size_t row = i / size_, column = i % size_;
    auto at = [&](size_t r, size_t c) {
      return static_cast<uint32_t>(r % size_ * size_ + c % size_);
    };
    return {at(row + 1, column), at(row + size_ - 1, column), at(row, column + 1),
            at(row, column + size_ - 1)};
  }

  void sweep() {
    auto well = [](float y) { return y * y * (y * y - 1); };
    for (size_t i = 0; i < x_.size(); ++i) {
      float field = 0;
      for (uint32_t j : neighbours_[i]) field += x_[j];
      const float before = x_[i];
      const float after = before + static_cast<float>(kPhi4Width) * (2 * uniform() - 1);
      const float rise = well(after) - well(before) - beta_ * field * (after - before);
      if (uniform() < std::exp(-rise)) x_[i] = after;
    }
  }

  void flip_cluster() {
    std::fill(in_cluster_.begin(), in_cluster_.end(), false);
    cluster_ = {static_cast<uint32_t>(random_() % x_.size())};
    in_cluster_[cluster_[0]] = true;
    for (size_t next = 0; next < cluster_.size(); ++next)
      for (uint32_t j : neighbours_[cluster_[next]]) {
        const float bond = beta_ * x_[cluster_[next]] * x_[j];  // > 0: of one sign
        if (bond <= 0 || in_cluster_[j] || uniform() >= 1 - std::exp(-2 * bond)) continue;
        in_cluster_[j] = true;
        cluster_.push_back(j);
      }
    for (uint32_t i : cluster_) x_[i] = -x_[i];
  }

  const size_t size_;
  const float beta_;
  std::mt19937_64 random_;
  std::vector<float> x_;                             // [L * L]
  std::vector<std::array<uint32_t, 4>> neighbours_;  // of each site
  std::vector<bool> in_cluster_;
  std::vector<uint32_t> cluster_;  // sites, in the order they joined
};

}  // namespace

at::Tensor sample_phi4(int64_t rows, int64_t size, double beta) {
  at::Tensor fields = at::empty({rows, 1, size, size});
  auto* field = fields.mutable_data_ptr<float>();
  for (int64_t first = 0; first < std::min(rows, kPhi4Chains); ++first) {
    Chain chain(size, beta, random_key(Stream::kTwin, {0, static_cast<uint64_t>(first)}));
    chain.run(kPhi4BurnIn);
    for (int64_t row = first; row < rows; row += kPhi4Chains) {
      if (row != first) chain.run(kPhi4Thinning);
      chain.draw(field + row * size * size);
    }
  }
  return fields;
}

}  // namespace ornstein::images
