#include "trainers/function_diffusion/observation.h"

#include "framework/base/errors.h"

namespace ornstein::function_diffusion {
namespace {

// r [B, C, points] -> M^{-1} r of M = lower lower^T.
at::Tensor solve(const at::Tensor& lower, const at::Tensor& r) {
  return at::cholesky_solve(r.transpose(-1, -2), lower).transpose(-1, -2);
}

at::Tensor row_products(const at::Tensor& a, const at::Tensor& b) {
  return (a * b).sum({1, 2}, /*keepdim=*/true);  // [B, 1, 1]
}

// a/b; 0 where b is not positive: a row whose search is at its end.
at::Tensor ratio(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor goes_on = b > 0;
  return at::where(goes_on, a / at::where(goes_on, b, 1.0), 0.0);
}

}  // namespace

Guidance read_guidance(const ConfigReader& trainer) {
  Guidance guidance;
  guidance.guided =
      trainer.choice("conditioning", "replacement", {"replacement", "guided"}) == "guided";
  if (guidance.guided) guidance.iterations = trainer.integer("guidance_iterations", 2, 1);
  return guidance;
}

Observation::Observation(const FunctionSpace& space, const Guidance& guidance,
                         const at::Tensor& values, const at::Tensor& mask)
    : space_(space), guidance_(guidance) {
  const auto grid = space.shares().sizes();
  TORCH_CHECK(mask.sizes().slice(1) == grid && values.sizes().slice(2) == grid &&
                  mask.size(0) == values.size(0),
              "values ", values.sizes(), " known at ", mask.sizes(), " on a grid of ", grid);
  if (!mask.eq(mask[0]).all().item<bool>())
    throw ConfigError(
        "rows have their known values at different points (all rows of one call must have them at "
        "the same) give rows of one file");
  points_ = mask[0].flatten().nonzero().squeeze(1);
  values_ = at_points(values);
  if (points_.size(0) > kMostDensePoints)
    throw ConfigError(
        fmt::format("{} values are given ({} at most, since their covariance is "
                    "dense) give fewer",
                    points_.size(0), kMostDensePoints));

  // CholeskyFactor wants one coordinate axis a dimension; a single column or row will do.
  const at::Tensor all = space.coordinates().to(at::kDouble).flatten(0, -2);  // [N, d]
  const at::Tensor known = all.index_select(0, points_);                      // [points, d]
  lower_ = CholeskyFactor::on(space.noise(), all.size(1) == 1 ? known : known.unsqueeze(1)).lower;
  gain_ = at::cholesky_solve(covariance_matrix(space.noise(), known, all), lower_).t();
}

at::Tensor Observation::at_points(const at::Tensor& f) const {
  return f.flatten(2).index_select(2, points_).to(at::kDouble);
}

at::Tensor Observation::met_by(const at::Tensor& f) const {
  const at::Tensor change = (values_ - at_points(f)).matmul(gain_.t());
  // The jitter of the factor would leave values off by some 1e-10.
  return (f.flatten(2) + change.to(f.options()))
      .index_copy(2, points_, values_.to(f.options()))
      .view(f.sizes());
}

at::Tensor Observation::corrected(const Estimate& estimate, const at::Tensor& state) const {
  if (!guidance_.guided) return met_by(estimate(state));
  const at::AutoGradMode with_gradients(true);
  const at::Tensor leaf = state.detach().requires_grad_();
  return met_by(conjugate_gradients(estimate(leaf), leaf));
}

// The preconditioned method (Golub and Van Loan 2013, sec. 11.5) for P(x_c, x_c) a = r, all rows at
// once; the sum of P(., x_c) a is gathered on the way. A network's J is neither symmetric nor
// positive: where a step would leave more of the residual than it found, that row ends before it.
at::Tensor Observation::conjugate_gradients(const at::Tensor& u0, const at::Tensor& state) const {
  const auto covariance_with = [&](const at::Tensor& a) {  // P(., x_c) a, [B, C, n(, m)]
    const at::Tensor cotangent =
        at::zeros_like(u0).flatten(2).index_copy(2, points_, a.to(u0.options())).view(u0.sizes());
    const at::Tensor pulled_back =
        torch::autograd::grad({u0}, {state}, {cotangent}, /*retain_graph=*/true)[0];
    return space_.covariance(pulled_back.to(at::kDouble));
  };
  at::Tensor correction = at::zeros_like(u0, at::kDouble);
  at::Tensor residual = values_ - at_points(u0.detach());
  at::Tensor direction = solve(lower_, residual), length = row_products(residual, direction);
  for (int64_t i = 0; i < guidance_.iterations; ++i) {
    const at::Tensor image = covariance_with(direction), at_image = at_points(image);
    const at::Tensor step = ratio(length, row_products(direction, at_image));
    const at::Tensor left = residual - step * at_image;
    const at::Tensor scaled = solve(lower_, left), next = row_products(left, scaled);
    const at::Tensor better = next < length;
    correction = correction + per_row(at::where(better, step, 0.0).flatten(), image) * image;
    residual = at::where(better, left, residual);
    direction = at::where(better, scaled + ratio(next, length) * direction, 0.0);
    length = at::where(better, next, length);
  }
  return u0.detach() + correction.to(u0.options());
}

}  // namespace ornstein::function_diffusion
