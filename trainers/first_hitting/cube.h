// The corners {0, 1}^D from inside the cube, started at its centre; a coordinate stays where it is
// absorbed.
//
//   b^x_i = x_i/z_i - (1 - x_i)/(1 - z_i),   s_i = pi_i/z_i - (1 - pi_i)/(1 - z_i),
//   pi_i = P(x_i = 1 | z) = sigmoid(logit z_i + F_i(z))
//
// F = 0 is the uniform law. u is linear in each coordinate, so that it is harmonic for a walk of
// independent steps +-delta as it is for Brownian motion, and the lattice {0, delta, ..., 1} is all
// that is needed: coordinate i goes up with probability (1 + delta s_i)/2, absorption is exact, and
// nothing is to be corrected for. With D = 1 the law is exact at any delta; else steps of
// coordinates that depend on each other are taken independently, an error of the order delta^2, and
// part of the model: the bound is that of the chain,
//   -log p(x) <= E_Q^x sum_k sum_(i alive) KL((1 + delta b^x_i)/2 || (1 + delta s_i)/2).
// States of bridges are drawn exactly: the step k by the probability that some coordinate is alive
// (whose sum is the mean number of steps, the weight); which are; the place of one that is by the
// killed walk's law, turned to 1 - z so that the odds are z to 1 - z towards x_i (h-transform).
#pragma once

#include "trainers/first_hitting/domain.h"
#include "trainers/first_hitting/lattice_walk.h"

namespace ornstein::first_hitting {

inline constexpr int64_t kFinestCells = 64;  // tables grow as the cube of it

class Cube final : public Domain {
 public:
  Cube(int64_t d, int64_t m);  // delta = 1/(2 m), m a power of two

  at::Tensor start(int64_t rows) const override;
  at::Tensor log_base(const at::Tensor& x) const override;  // -D log 2
  Seen seen(const at::Tensor& z) const override;            // 2 z - 1 and the share that is alive
  at::Tensor drift(const at::Tensor& output, const at::Tensor& z) const override;
  Bridges bridges(const at::Tensor& x, const at::Tensor& u,
                  at::Generator& generator) const override;
  Bridges blended(const Bridges& bridges, const at::Tensor& x) const override;
  at::Tensor cost(const at::Tensor& output, const Bridges& bridges) const override;
  Move step(const at::Tensor& z, const at::Tensor& output, const at::Tensor& x,
            at::Generator& generator) const override;
  at::Tensor arrived(const at::Tensor& z) const override;
  at::Tensor hit(const at::Tensor& z, at::Generator& generator) const override { return z; }
  // On the finest lattice, of at most kFinestCells, whose walks of F = 0 take no more.
  std::shared_ptr<const Domain> with_steps(int64_t steps) const override;

  double mean_steps() const { return walk_.steps; }

 private:
  int64_t d_, m_;
  double delta_;
  mutable LatticeWalk walk_;  // lies where the last bridges did

  const LatticeWalk& walk_on(const at::Device& device) const;
};

}  // namespace ornstein::first_hitting
