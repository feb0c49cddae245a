#include "framework/spaces/torus.h"

#include <numbers>

#include "framework/spaces/smooth.h"

namespace ornstein {

using std::numbers::pi;

namespace {

constexpr double kSwitch = 0.5;  // of tau: images |m| = 2 weigh below exp(-78)
constexpr int kHarmonics = 13;   // exp(-169/4) is below rounding

}  // namespace

at::Tensor wrapped(const at::Tensor& angle) {
  return angle - 2 * pi * ((angle.detach() - pi) / (2 * pi)).ceil();
}

RadialKernel circle_kernel(double a, double tau) {
  double density = 0, slope = 0;  // slope: -(d density / da), each over the factor below
  if (tau < kSwitch) {
    const double nearest = a * a;
    for (int m = -1; m <= 1; ++m) {
      const double image = a + 2 * pi * m;
      const double weight = std::exp((nearest - image * image) / (2 * tau));
      density += weight;
      slope += weight * image / tau;
    }
    return {std::log(density) - nearest / (2 * tau) - std::log(2 * pi * tau) / 2,
            a == 0 ? 1 / tau : slope / density / a};
  }
  density = 1;
  for (int l = 1; l <= kHarmonics; ++l) {
    const double weight = 2 * std::exp(-l * l * tau / 2);
    density += weight * std::cos(l * a);
    slope += weight * l * (a == 0 ? l : std::sin(l * a) / a);
  }
  return {std::log(density / (2 * pi)), slope / density};
}

double Torus::log_volume() const { return static_cast<double>(d) * std::log(2 * pi); }

at::Tensor Torus::defect(const at::Tensor& x) const {
  return (x.abs() - 2 * pi).clamp_min(0).amax(-1);
}

at::Tensor Torus::frame(const at::Tensor& x) const {
  return at::eye(d, x.options()).expand({x.size(0), d, d});
}

at::Tensor Torus::distance(const at::Tensor& x, const at::Tensor& y) const {
  return root(log(x, y).square().sum(-1));
}

at::Tensor Torus::reference_sample(int64_t rows, at::Generator& generator,
                                   const at::TensorOptions& options) const {
  return (1 - 2 * at::rand({rows, d}, generator, options)) * pi;
}

at::Tensor Torus::reference_log_density(const at::Tensor& x) const {
  return at::full({x.size(0)}, -log_volume(), x.options());
}

at::Tensor Torus::reference_score(const at::Tensor& x) const { return at::zeros_like(x); }

at::Tensor Torus::brownian(const at::Tensor& x, const at::Tensor& tau, at::Generator& generator,
                           int64_t) const {
  return wrapped(x + at::randn(x.sizes(), generator, x.options()) *
                         row_times(tau, x).sqrt().unsqueeze(1));
}

HeatKernel Torus::heat_kernel(const at::Tensor& x, const at::Tensor& y,
                              const at::Tensor& tau) const {
  const at::NoGradGuard no_gradients;
  const at::Tensor toward = log(x.to(at::kDouble), y.to(at::kDouble)).flatten();
  const at::Tensor times = row_times(tau, x).unsqueeze(1).expand_as(x).flatten();
  const auto [log_density, score] =
      radial_heat_kernel(toward.abs(), toward.unsqueeze(1), times, circle_kernel);
  return {log_density.view_as(x).sum(-1).to(x.scalar_type()), score.view_as(x).to(x.scalar_type())};
}

}  // namespace ornstein
