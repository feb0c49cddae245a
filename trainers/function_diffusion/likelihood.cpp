#include "trainers/function_diffusion/likelihood.h"

#include "framework/base/errors.h"

namespace ornstein::function_diffusion {
namespace {

double total(const at::Tensor& x) { return x.sum().item<double>(); }

struct LogDeterminant {
  double points = 0;

  double operator()(const WhiteFactor& white) const { return points * std::log(white.deviation); }
  double operator()(const MarkovFactor& markov) const { return total(markov.innovation.log()); }
  double operator()(const CholeskyFactor& dense) const {
    return total(dense.lower.diagonal().log());
  }
  double operator()(const CirculantFactor& torus) const {
    if (!torus.closed())
      throw ConfigError(
          "trainer.nll_rows: no likelihood on this grid (regular, not periodic, above 512 points) "
          "choose 0");
    // Of a real transform's half, the frequencies between the ends stand for two each.
    at::Tensor logs = torus.eigenvalues.log();
    const int64_t last = torus.torus.back(), paired = (last - 1) / 2;
    return (total(logs) + total(logs.narrow(-1, 1, paired))) / 2;
  }
};

}  // namespace

double log_determinant(const GaussianField& field) {
  return std::visit(LogDeterminant{}, field.factor());
}

at::Tensor log_likelihood(const Denoiser& denoiser, const FunctionSpace& space,
                          const at::Tensor& u0, const LikelihoodGrid& grid,
                          at::Generator& generator) {
  const GaussianField& field = space.field();
  const Denoiser whitened = [&](const at::Tensor& w, const at::Tensor& sigma) {
    return field.whiten(denoiser(field.colour(w), sigma));
  };
  const at::Tensor signs = 2 * at::randint(2, u0.sizes(), generator, u0.options()) - 1;
  const double prior = grid.sigma_max * grid.sigma_max + 1;
  const at::Tensor of_whitened = ode_log_likelihood(whitened, field.whiten(u0), grid, prior, signs);
  return of_whitened - static_cast<double>(u0.size(1)) * log_determinant(field);
}

}  // namespace ornstein::function_diffusion
