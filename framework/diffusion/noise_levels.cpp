#include "framework/diffusion/noise_levels.h"

namespace ornstein {

at::Tensor stratified_uniforms(int64_t first_row, int64_t rows, int64_t global_rows,
                               at::Generator& generator) {
  TORCH_CHECK(0 <= first_row && first_row + rows <= global_rows, "stratified_uniforms: rows ",
              first_row, "..", first_row + rows - 1, " are not in a batch of ", global_rows);
  const auto options = at::dtype(at::kDouble).device(generator.device());
  return (at::rand({rows}, generator, options) + at::arange(first_row, first_row + rows, options)) /
         global_rows;
}

at::Tensor log_normal_sigmas(const at::Tensor& u, double mean, double std) {
  const double edge = u.scalar_type() == at::kDouble ? 1e-15 : 1e-7;  // 0 and 1 have no quantile
  return (mean + std * at::special_ndtri(u.clamp(edge, 1 - edge))).exp();
}

at::Tensor path_sigmas(const GaussianPath& path, const at::Tensor& u) {
  return path.noise_ratio(path.t_min + (path.t_max - path.t_min) * u);
}

namespace {

// log(sigma/alpha) at the ends of the path.
std::pair<double, double> log_ends(const GaussianPath& path) {
  const at::Tensor ends = path.noise_ratio(at::tensor({path.t_min, path.t_max}, at::kDouble)).log();
  return {ends[0].item<double>(), ends[1].item<double>()};
}

}  // namespace

at::Tensor importance_sigmas(const GaussianPath& path, const at::Tensor& u) {
  const auto [low, high] = log_ends(path);
  return (low + (high - low) * u).exp();
}

double importance_mass(const GaussianPath& path) {
  const auto [low, high] = log_ends(path);
  return 2 * (high - low);
}

at::Tensor karras_grid(int64_t steps, double sigma_min, double sigma_max, double rho) {
  TORCH_CHECK(steps >= 1 && 0 < sigma_min && sigma_min < sigma_max,
              "karras_grid wants steps >= 1 and 0 < sigma_min < sigma_max");
  const at::Tensor roots =
      at::linspace(std::pow(sigma_max, 1 / rho), std::pow(sigma_min, 1 / rho), steps, at::kDouble);
  return at::cat({roots.pow(rho), at::zeros({1}, at::kDouble)});
}

at::Tensor uniform_time_grid(const GaussianPath& path, int64_t steps) {
  TORCH_CHECK(steps >= 1, "uniform_time_grid wants steps >= 1");
  return ending_in_data(path.noise_ratio(at::linspace(path.t_max, 0, steps + 1, at::kDouble)));
}

at::Tensor ending_in_data(const at::Tensor& sigmas) {
  return at::cat({sigmas.slice(0, 0, sigmas.size(0) - 1), at::zeros_like(sigmas.slice(0, -1))});
}

}  // namespace ornstein
