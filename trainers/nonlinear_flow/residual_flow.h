// One layer of an invertible residual network, z = x + g(x) with Lip(g) < 1: Behrmann et al. 2019,
// arXiv:1811.00995; Chen et al. 2019, arXiv:1906.02735.
//
//   g = K3 s(K2 s(K1 x)),  K1, K2, K3 convolutions 3-1-3 of norm `lipschitz` or less,
//
// with biases, and s(a) = sin(w a)/w, w > 0 learned for each channel: smooth, as the gradient of a
// log-determinant needs it, and of Lipschitz constant 1 for each w. Kim et al. 2022,
// arXiv:2205.13699, take the sine with w = 1.
//
// Power iteration (spectral_norm.h): training steps its vectors, kept in the state, once a step;
// inference converges copies of them (settled()).
#pragma once

#include <array>

#include "trainers/nonlinear_flow/bijection.h"

namespace ornstein::nonlinear_flow {

enum class ResidualLogDet { exact, series, roulette };

struct ResidualOptions {
  int64_t hidden = 32;     // channels between the convolutions
  double lipschitz = 0.9;  // of each convolution, below 1; its cube bounds Lip(g)
  ResidualLogDet log_det = ResidualLogDet::roulette;  // in training
  int64_t terms = 2;  // of the series; of the roulette those that are always there
};

class ResidualLayer final : public Bijection {
 public:
  // Of images [B, channels, height, width].
  ResidualLayer(int64_t channels, int64_t height, int64_t width, const ResidualOptions& options);

  // For LogDet::evaluation exact stays exact, and the others become a roulette with 20 terms kept.
  Mapped forward(const at::Tensor& x, LogDet purpose, at::Generator& generator) const override;

  // Fixed-point iteration x <- z - g(x) until no number changes by more than 1e-6 (relative to the
  // largest, if that is above 1). No gradient. Error where it does not converge.
  at::Tensor inverse(const at::Tensor& z) const override;

  std::vector<NamedTensor> parameters() const override;
  std::vector<NamedTensor> state() const override;
  void refresh() override;
  void initialise(const at::Tensor& x) override;  // converges the power iteration
  std::shared_ptr<const Bijection> settled() const override;

 private:
  using Kernels = std::array<at::Tensor, 3>;
  Kernels bounded() const;  // the convolutions' kernels as they are applied
  at::Tensor branch(const at::Tensor& x, const Kernels& kernels) const;

  ResidualOptions options_;
  Kernels weights_;                            // [out, in, k, k]
  std::array<at::Tensor, 3> biases_;           // [out]
  std::array<at::Tensor, 2> log_frequencies_;  // [hidden]: log w
  std::array<at::Tensor, 3> vectors_;          // [1, in, H, W], norm 1; of K2 [1, hidden, 1, 1]
};

}  // namespace ornstein::nonlinear_flow
