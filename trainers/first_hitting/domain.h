// What a first hitting model is made of. Brownian motion Z (generator one half Laplacian) runs from
// a fixed start in a domain until it hits the set that data lie on: the sphere from inside the
// ball, the corners from inside the cube, or the end of time. Ye, Wu and Liu 2022 (First Hitting
// Diffusion Models), by Doob's h-transform:
//
//   P(z, x)                                  law of the hit from z, at x
//   b^x(z) = grad_z log P(z, x)              drift of the bridge Q^x, which hits x
//   s*(z) = E[b^x(Z) | Z = z] = grad log u   u(z) = E[p(hit)/p_base(hit)] is harmonic: with the
//                                            drift s* the hit has exactly the law p of the data
//   log p(x) >= log p_base(x) + E_Q^x int_0^tau (s . b^x - |s|^2/2) dt
//
// A state is a row of numbers z [n, S], float64. The network sees seen(z); its output [n, D],
// bounded where the data are smooth on the scale of the resolution, stands for s through drift().
// Steps of a walk are moves of a chain of which the same u is harmonic (FixedTime: Euler's steps).
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

namespace ornstein::first_hitting {

struct Seen {
  at::Tensor input;  // [n, D]
  at::Tensor time;   // [n], what the network embeds as time
};

// States of bridges, each from the law of the time that its bridge spends there:
// E_Q^x int_0^tau f(Z_t) dt = E weight f(z). No path is simulated.
struct Bridges {
  at::Tensor z;       // [n, S]
  at::Tensor x;       // [n, D], where the bridge ends
  at::Tensor target;  // [n, D], what the output is to learn: b^x(z), or of the cube x itself
  at::Tensor weight;  // [n]
};

struct Move {
  at::Tensor z;          // [n, S]
  at::Tensor log_ratio;  // [n], log of the model's density of the move over the base's
};

class Domain {
 public:
  virtual ~Domain() = default;

  virtual at::Tensor start(int64_t rows) const = 0;            // [rows, S]
  virtual at::Tensor log_base(const at::Tensor& x) const = 0;  // [n] nats: log P(start, x)
  virtual Seen seen(const at::Tensor& z) const = 0;
  virtual at::Tensor drift(const at::Tensor& output, const at::Tensor& z) const = 0;  // s, [n, D]

  // States of bridges to x [b, D] at the quantiles u [b] in [0, 1]. n is b or a multiple: row i is
  // of x's row i mod b, and rows of one x may be antithetic.
  virtual Bridges bridges(const at::Tensor& x, const at::Tensor& u,
                          at::Generator& generator) const = 0;

  // The same states with the targets' means given z over the ends x [b, D] that they were drawn
  // for: with the weights P(z, x)/P(start, x), since the time a bridge spends at z is that over the
  // walk's. The cost's mean and gradient stay, without the noise of which x of the batch it was.
  virtual Bridges blended(const Bridges& bridges, const at::Tensor& x) const = 0;

  // [n]: its mean over bridges is E_Q^x int (|s|^2/2 - s . b^x) dt, log p_base(x) less the bound.
  virtual at::Tensor cost(const at::Tensor& output, const Bridges& bridges) const = 0;

  // One step of the model's walk, or, given x, of the bridge to x.
  virtual Move step(const at::Tensor& z, const at::Tensor& output, const at::Tensor& x,
                    at::Generator& generator) const = 0;
  virtual at::Tensor arrived(const at::Tensor& z) const = 0;  // [n] bool; true for NaN
  virtual at::Tensor hit(const at::Tensor& z, at::Generator& generator) const = 0;  // [n, D]

  // The same with walks of about `steps` steps.
  virtual std::shared_ptr<const Domain> with_steps(int64_t steps) const = 0;
};

}  // namespace ornstein::first_hitting
