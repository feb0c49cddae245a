#include "framework/spaces/heat_kernel.h"

namespace ornstein {

HeatKernel radial_heat_kernel(const at::Tensor& distance, const at::Tensor& toward,
                              const at::Tensor& tau,
                              const std::function<RadialKernel(double r, double tau)>& kernel) {
  const at::NoGradGuard no_gradients;
  const at::Tensor r = distance.detach().to(at::kCPU, at::kDouble).contiguous();
  const at::Tensor times = row_times(tau, r).contiguous();
  const at::Tensor log_density = at::empty_like(r), pull = at::empty_like(r);
  const double *radius = r.const_data_ptr<double>(), *time = times.const_data_ptr<double>();
  auto *log_p = log_density.data_ptr<double>(), *pulls = pull.data_ptr<double>();
  for (int64_t i = 0; i < r.numel(); ++i) {
    const auto [value, slope] = kernel(radius[i], time[i]);
    log_p[i] = value;
    pulls[i] = slope;
  }
  return {log_density.to(distance.device()),
          toward.detach() * pull.to(distance.device()).unsqueeze(1)};
}

at::Tensor row_times(const at::Tensor& tau, const at::Tensor& x) {
  TORCH_CHECK(tau.dim() == 0 || (tau.dim() == 1 && tau.size(0) == x.size(0)),
              "tau is a scalar or [b], b = ", x.size(0), ", not ", tau.sizes());
  return tau.detach().to(x.device(), x.scalar_type()).expand({x.size(0)});
}

}  // namespace ornstein
