// Invertible maps z = h(x) of images [B, C, H, W] with log |det dh/dx|; vectors of R^d are images
// [B, d, 1, 1]. A layer is a Bijection, and so is a chain of them.
//
// Parameters are float32 and are cast to x's type, so that float64 images are mapped in float64.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "framework/base/batch.h"

namespace ornstein::nonlinear_flow {

// What the log-determinant is wanted for. Where it is estimated (residual_flow.h) training takes
// few terms, and values and gradients are unbiased; evaluation takes many, and has no gradient.
enum class LogDet { none, training, evaluation };

struct Mapped {
  at::Tensor z;        // x's shape but for Squeeze
  at::Tensor log_det;  // [B] nats, x's type; zeros for LogDet::none
};

// Owned by shared pointers, as settled() may return the object itself.
class Bijection : public std::enable_shared_from_this<Bijection> {
 public:
  virtual ~Bijection() = default;

  // `generator` serves estimates of the log-determinant only.
  virtual Mapped forward(const at::Tensor& x, LogDet purpose, at::Generator& generator) const = 0;
  virtual at::Tensor inverse(const at::Tensor& z) const = 0;

  virtual std::vector<NamedTensor> parameters() const { return {}; }
  virtual std::vector<NamedTensor> state() const { return {}; }  // power-iteration vectors

  // Once a step: one power iteration a layer, in place on the state.
  virtual void refresh() {}

  // First values from the data: x [n, C, H, W] as the layer will see it.
  virtual void initialise(const at::Tensor& x) {}

  // For inference: the same map with what training only tracks computed to convergence from the
  // parameters as they are now. A value of its own, so that nothing is stale when they change.
  virtual std::shared_ptr<const Bijection> settled() const { return shared_from_this(); }
};

// The last layer after ... after the first. Without layers the identity. In float32 or float64 even
// where the caller casts to bfloat16: a log-determinant has no digits to lose.
class Chain final : public Bijection {
 public:
  explicit Chain(std::vector<std::shared_ptr<Bijection>> layers) : layers_(std::move(layers)) {}

  Mapped forward(const at::Tensor& x, LogDet purpose, at::Generator& generator) const override;
  at::Tensor inverse(const at::Tensor& z) const override;
  std::vector<NamedTensor> parameters() const override;  // "0.weight": of the first layer
  std::vector<NamedTensor> state() const override;
  void refresh() override;
  void initialise(const at::Tensor& x) override;
  std::shared_ptr<const Bijection> settled() const override;

 private:
  std::vector<std::shared_ptr<Bijection>> layers_;
};

// Space to depth, [B, C, H, W] -> [B, 4C, H/2, W/2], H and W even; or, `back`, its inverse.
class Squeeze final : public Bijection {
 public:
  explicit Squeeze(bool back) : back_(back) {}
  Mapped forward(const at::Tensor& x, LogDet purpose, at::Generator& generator) const override;
  at::Tensor inverse(const at::Tensor& z) const override;

 private:
  bool back_;
};

}  // namespace ornstein::nonlinear_flow
