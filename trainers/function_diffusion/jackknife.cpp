#include "trainers/function_diffusion/jackknife.h"

namespace ornstein::function_diffusion {

Figure jackknife_figure(const std::string& name, double value, const at::Tensor& left_out,
                        const std::string& unit) {
  const auto n = static_cast<double>(left_out.size(0));
  const double sum = (left_out - left_out.mean()).square().sum().item<double>();
  return {name, value, std::sqrt((n - 1) / n * sum), unit};
}

}  // namespace ornstein::function_diffusion
