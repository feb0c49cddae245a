#include "framework/evaluation/figure.h"

namespace ornstein {

Figure mean_figure(const std::string& name, const at::Tensor& values, const std::string& unit) {
  TORCH_CHECK(values.dim() == 1 && values.numel() > 0, "mean_figure wants values [n], not ",
              values.sizes());
  const at::Tensor v = values.detach().to(at::kCPU, at::kDouble);
  const auto n = static_cast<double>(v.numel());
  const double error = v.numel() > 1 ? v.std().item<double>() / std::sqrt(n) : 0;
  return {name, v.mean().item<double>(), error, unit};
}

}  // namespace ornstein
