// R^D at a fixed time: the state has what is left of the time, 1 - t, as last number, and hits 0.
// Bridges are Brownian bridges from 0, the base law is N(0, I).
//
//   b^x(z, t) = (x - z)/(1 - t),   s = F/sqrt(1 - t + e_0^2)
//
// The same process as diffusion of exploding variance (t, x known: z/t = x + noise of variance
// 1/t - 1), learnt as a drift. e_0, the resolution, is in the unit of x, which is standardised.
// log(1 - t + e_0^2) is drawn uniformly, and weighted for it; noise comes in opposite pairs. A walk
// takes Euler's steps, equal in log(1 - t + e_0^2); bridges are exact.
#pragma once

#include "trainers/first_hitting/domain.h"

namespace ornstein::first_hitting {

class FixedTime final : public Domain {
 public:
  FixedTime(int64_t d, double resolution, int64_t steps)
      : d_(d), resolution_(resolution), steps_(steps) {}

  at::Tensor start(int64_t rows) const override;
  at::Tensor log_base(const at::Tensor& x) const override;
  Seen seen(const at::Tensor& z) const override;  // z and log(1 - t + e_0^2)/2
  at::Tensor drift(const at::Tensor& output, const at::Tensor& z) const override;
  Bridges bridges(const at::Tensor& x, const at::Tensor& u,
                  at::Generator& generator) const override;
  Bridges blended(const Bridges& bridges, const at::Tensor& x) const override;
  at::Tensor cost(const at::Tensor& output, const Bridges& bridges) const override;
  Move step(const at::Tensor& z, const at::Tensor& output, const at::Tensor& x,
            at::Generator& generator) const override;
  at::Tensor arrived(const at::Tensor& z) const override;
  at::Tensor hit(const at::Tensor& z, at::Generator& generator) const override;
  std::shared_ptr<const Domain> with_steps(int64_t steps) const override;

 private:
  double floor() const { return resolution_ * resolution_; }
  at::Tensor left(const at::Tensor& z) const;  // 1 - t, [n, 1]

  int64_t d_;
  double resolution_;  // e_0
  int64_t steps_;
};

}  // namespace ornstein::first_hitting
