#include "trainers/function_diffusion/function_space.h"

#include "framework/base/errors.h"
#include "framework/math/function_norm.h"

namespace ornstein::function_diffusion {
namespace {

// Draws lie in the Sobolev spaces H^a of a below this.
double smoothness(const Kernel& kernel) {
  if (is_exponential(kernel)) return 0.5;
  return kernel.name == "matern" ? kernel.nu : std::numeric_limits<double>::infinity();
}

double shortest_side(const DataSpec& spec) {
  double shortest = std::numeric_limits<double>::infinity();
  for (size_t axis = 0; 2 * axis < spec.extent.size(); ++axis) {
    const double period = spec.period.empty() ? 0 : spec.period[axis];
    shortest =
        std::min(shortest, period > 0 ? period : spec.extent[2 * axis + 1] - spec.extent[2 * axis]);
  }
  return shortest;
}

Kernel read_kernel(const ConfigReader& noise, const DataSpec& spec) {
  Kernel kernel;
  kernel.name = noise.choice("kernel", "exponential", kernel_names());
  kernel.variance = noise.number("variance", 1, 1e-6, 1e6);
  kernel.period = spec.period;
  if (kernel.name == "white") return kernel;
  kernel.length = noise.number("length", shortest_side(spec) / 10, 1e-12);
  if (kernel.length > 10 * shortest_side(spec))
    noise.fail("length",
               fmt::format("{} is more than ten times the domain's shortest side ({:.6g}; "
                           "draws would be constants) choose less",
                           kernel.length, shortest_side(spec)));
  if (kernel.name == "matern") kernel.nu = noise.number("nu", 1.5, 0.1, 50);
  for (const double period : kernel.period)
    if (period > 0 && kernel.length > period)
      noise.fail("length",
                 fmt::format("{} exceeds the period {} of the domain", kernel.length, period));
  return kernel;
}

Grid grid_of(const at::Tensor& coordinates, const std::vector<double>& period) {
  auto grid = Grid::of(coordinates, period);
  if (!grid)
    throw ConfigError(
        "coordinates are no product of sorted axes (integrals over the domain need one) sort the "
        "points, without repeats");
  return *grid;
}

}  // namespace

SpaceSettings read_space(const ConfigReader& trainer, const DataSpec& spec) {
  SpaceSettings settings;
  settings.noise = read_kernel(trainer.section("noise"), spec);
  const std::string loss =
      trainer.choice("loss", "l2", {"l2", "spectral", "sobolev", "cameron_martin"});
  settings.norm = loss == "l2"         ? Norm::l2
                  : loss == "spectral" ? Norm::spectral
                  : loss == "sobolev"  ? Norm::sobolev
                                       : Norm::cameron_martin;
  const bool white = settings.noise.name == "white";
  if (white && settings.norm != Norm::l2)
    trainer.fail("loss", loss +
                             " with white noise (which is no function) choose l2, or a "
                             "trainer.noise.kernel with a length");
  if (settings.norm == Norm::spectral) settings.terms = trainer.integer("terms", 64, 1);
  if (settings.norm == Norm::sobolev)
    settings.sobolev_length = trainer.number("sobolev_length", settings.noise.length, 1e-12);
  return settings;
}

void refuse_divergent(const ConfigReader& trainer, const SpaceSettings& settings,
                      Prediction prediction) {
  const bool rough = settings.norm == Norm::cameron_martin ||
                     (settings.norm == Norm::sobolev && smoothness(settings.noise) <= 1);
  if (prediction == Prediction::data || !rough) return;
  trainer.fail("prediction",
               fmt::format("{} leaves the noise in the residual (whose norm then grows with the "
                           "number of points) choose x0, or another loss",
                           prediction_names()[static_cast<size_t>(prediction)]));
}

FunctionSpace::FunctionSpace(const SpaceSettings& settings, const at::Tensor& coordinates)
    : norm_(settings.norm),
      sobolev_length_(settings.sobolev_length),
      terms_(settings.terms),
      noise_(settings.noise),
      coordinates_(coordinates),
      grid_(grid_of(coordinates, settings.noise.period)),
      field_(GaussianField::on(settings.noise, coordinates)) {
  const at::Tensor weights = grid_.weights();
  size_ = weights.sum().item<double>();
  shares_ = weights / size_;
}

at::Tensor FunctionSpace::draw(const at::Tensor& like, at::Generator& generator) const {
  return field_.draw(like.size(0) * like.size(1), generator).view(like.sizes()).to(like.options());
}

at::Tensor FunctionSpace::squared_norm(const at::Tensor& e) const {
  switch (norm_) {
    case Norm::l2:
      return squared_l2(e, grid_) / (size_ * e.size(1));
    case Norm::spectral:
      if (!mercer_) mercer_ = MercerNorm::on(noise_, coordinates_, terms_);
      return (*mercer_)(e) / e.size(1);
    case Norm::sobolev:
      return squared_sobolev(e, grid_, sobolev_length_) / (size_ * e.size(1));
    case Norm::cameron_martin:
      return field_.cameron_martin(e).mean(1);
  }
  TORCH_CHECK(false, "FunctionSpace: no such norm");
}

// The field offers the factor A of K = A A^T; A^T g is the gradient of <A z, g>.
at::Tensor FunctionSpace::covariance(const at::Tensor& g) const {
  const at::AutoGradMode with_gradients(true);
  const at::Tensor z = at::zeros_like(g).requires_grad_();
  const at::Tensor transposed = torch::autograd::grad({field_.colour(z)}, {z}, {g})[0];
  const at::NoGradGuard no_gradients;
  return field_.colour(transposed);
}

}  // namespace ornstein::function_diffusion
