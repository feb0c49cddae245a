#include "framework/spaces/euclidean.h"

#include <numbers>

#include "framework/spaces/smooth.h"

namespace ornstein {

using std::numbers::pi;

double Euclidean::log_volume() const { return std::numeric_limits<double>::infinity(); }

at::Tensor Euclidean::defect(const at::Tensor& x) const { return (x - x).abs().amax(-1); }

at::Tensor Euclidean::frame(const at::Tensor& x) const {
  return at::eye(d, x.options()).expand({x.size(0), d, d});
}

at::Tensor Euclidean::exp(const at::Tensor& x, const at::Tensor& v) const { return x + v; }

at::Tensor Euclidean::log(const at::Tensor& x, const at::Tensor& y) const { return y - x; }

at::Tensor Euclidean::distance(const at::Tensor& x, const at::Tensor& y) const {
  return root((y - x).square().sum(-1));
}

at::Tensor Euclidean::reference_sample(int64_t rows, at::Generator& generator,
                                       const at::TensorOptions& options) const {
  return at::randn({rows, d}, generator, options) * reference_std;
}

at::Tensor Euclidean::reference_log_density(const at::Tensor& x) const {
  const double variance = reference_std * reference_std;
  return x.square().sum(-1) / (-2 * variance) -
         static_cast<double>(d) / 2 * std::log(2 * pi * variance);
}

at::Tensor Euclidean::reference_score(const at::Tensor& x) const {
  return x / (-reference_std * reference_std);
}

at::Tensor Euclidean::brownian(const at::Tensor& x, const at::Tensor& tau, at::Generator& generator,
                               int64_t) const {
  return x + at::randn(x.sizes(), generator, x.options()) * row_times(tau, x).sqrt().unsqueeze(1);
}

HeatKernel Euclidean::heat_kernel(const at::Tensor& x, const at::Tensor& y,
                                  const at::Tensor& tau) const {
  const at::NoGradGuard no_gradients;
  const at::Tensor times = row_times(tau, x), toward = y - x;
  return {toward.square().sum(-1) / (-2 * times) -
              (2 * pi * times).log() * (static_cast<double>(d) / 2),
          toward / times.unsqueeze(1)};
}

}  // namespace ornstein
