#include "framework/diffusion/standard_diffusion.h"

#include "framework/diffusion/gaussian_path.h"
#include "framework/diffusion/losses.h"
#include "framework/diffusion/noise_levels.h"

namespace ornstein {

at::Tensor StandardDiffusion::loss(const DiffusionNetwork& network, const at::Tensor& x0,
                                   int64_t first_row, int64_t global_rows,
                                   at::Generator& generator) const {
  const at::Tensor u = stratified_uniforms(first_row, x0.size(0), global_rows, generator);
  const at::Tensor sigma = training_sigmas(u).to(x0.scalar_type());
  const at::Tensor noise = at::randn(x0.sizes(), generator, x0.options());
  return denoising_loss(network, prediction, 1, x0, noise, sigma);
}

at::Tensor StandardDiffusion::sample(const DiffusionNetwork& network, at::IntArrayRef shape,
                                     int64_t steps, double temperature,
                                     at::Generator& generator) const {
  const at::Tensor sigmas = sampling_sigmas(steps);
  const double start = temperature * std::hypot(sigmas[0].item<double>(), 1.0);
  const at::Tensor y = start * at::randn(shape, generator, at::device(generator.device()));
  return sampler.run(make_denoiser(network, prediction, 1), y, sigmas, generator);
}

at::Tensor StandardDiffusion::log_likelihood(const DiffusionNetwork& network, const at::Tensor& x0,
                                             at::Generator* generator) const {
  const at::Tensor x = x0.to(at::kDouble);
  at::Tensor signs;
  if (generator) signs = 2 * at::randint(2, x.sizes(), *generator, x.options()) - 1;
  return ode_log_likelihood(make_denoiser(network, prediction, 1), x, likelihood,
                            likelihood.sigma_max * likelihood.sigma_max + 1, signs);
}

at::Tensor Sampler::run(const Denoiser& denoiser, const at::Tensor& y, const at::Tensor& sigmas,
                        at::Generator& generator, const NoiseSource& noise) const {
  if (name == "heun") return sample_heun(denoiser, y, sigmas);
  if (name == "euler") return sample_euler(denoiser, y, sigmas);
  if (name == "ddim") return sample_ddim(denoiser, y, sigmas, 0, generator);
  return sample_ancestral(denoiser, y, sigmas, variance, generator, noise);
}

Sampler read_sampler(const ConfigReader& trainer, const std::string& default_name,
                     const std::string& default_variance) {
  Sampler sampler;
  sampler.name = trainer.choice("sampler", default_name, {"heun", "euler", "ddim", "ancestral"});
  sampler.variance = trainer.choice("variance", default_variance, {"large", "small"}) == "large"
                         ? ReverseVariance::large
                         : ReverseVariance::small;
  sampler.steps = trainer.integer("steps", 18, 1);
  return sampler;
}

StandardDiffusion read_standard_diffusion(const ConfigReader& trainer,
                                          const std::vector<std::string>& paths,
                                          const std::string& default_times,
                                          const DiffusionDefaults& defaults) {
  StandardDiffusion diffusion;
  const std::string path_name = trainer.choice("path", paths.front(), paths);
  const bool edm = path_name == "edm", preserving = !edm && path_name != "ve";
  const std::string own = edm ? "edm" : "noise";
  diffusion.prediction = prediction_from(trainer.choice(
      "prediction", defaults.prediction.empty() ? own : defaults.prediction, prediction_names()));
  diffusion.sampler = read_sampler(trainer, preserving ? "ancestral" : "heun", defaults.variance);
  const std::string& sampler = diffusion.sampler.name;
  const bool uniform =
      path_name == "log_snr" || (preserving && (sampler == "ancestral" || sampler == "ddim"));
  const std::string grid =
      trainer.choice("grid", uniform ? "uniform" : "karras", {"karras", "uniform", "quadratic"});
  if (grid != "karras" && path_name == "ve")
    trainer.fail("grid", "the path ve has noise at t = 0 (karras ends in the data)");
  const double mean = trainer.number("P_mean", -0.5), std = trainer.number("P_std", 1.3, 1e-6);
  const double sigma_min = trainer.number("sigma_min", 0.002, 1e-6);
  const double sigma_max = trainer.number("sigma_max", 80, 1e-6);
  if (sigma_min >= sigma_max) trainer.fail("sigma_min", "not below sigma_max");
  const double rho = trainer.number("rho", 7, 1);
  diffusion.likelihood = {sigma_min, sigma_max, trainer.integer("nll_steps", 40, 1)};

  const GaussianPath path = edm                      ? edm_path(sigma_min, sigma_max)
                            : path_name == "vp"      ? vp_path()
                            : path_name == "ou"      ? ou_path()
                            : path_name == "log_snr" ? log_snr_path()
                                                     : ve_path(sigma_min, sigma_max);
  const bool importance =
      path_name == "vp" &&
      trainer.choice("times", default_times, {"uniform", "importance"}) != "uniform";
  if (edm) {
    diffusion.training_sigmas = [=](const at::Tensor& u) {
      return log_normal_sigmas(u, mean, std);
    };
  } else if (importance) {
    diffusion.training_sigmas = [=](const at::Tensor& u) { return importance_sigmas(path, u); };
  } else {
    const double power = path_name == "ou" ? 2 : 1;  // Guth et al. 2022 train uniformly in sqrt(t)
    diffusion.training_sigmas = [=](const at::Tensor& u) {
      return path_sigmas(path, u.pow(power));
    };
  }

  if (grid == "karras") {
    diffusion.sampling_sigmas = [=](int64_t n) {
      return karras_grid(n, sigma_min, sigma_max, rho);
    };
  } else if (grid == "uniform") {
    diffusion.sampling_sigmas = [=](int64_t n) { return uniform_time_grid(path, n); };
  } else {
    diffusion.sampling_sigmas = [=](int64_t n) {
      const at::Tensor t = path.t_max * at::linspace(1, 0, n + 1, at::kDouble).square();
      return ending_in_data(path.noise_ratio(t));
    };
  }
  return diffusion;
}

}  // namespace ornstein
