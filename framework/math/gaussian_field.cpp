#include "framework/math/gaussian_field.h"

#include "framework/base/errors.h"

namespace ornstein {
namespace {

// Up to here a dense factor draws about as fast as FFTs do, and then one factor serves everything.
constexpr int64_t kSmall = 512;

CovarianceFactor choose(const Kernel& kernel, const at::Tensor& coordinates) {
  if (kernel.name == "white") return WhiteFactor{std::sqrt(kernel.variance)};
  const auto grid = Grid::of(coordinates, kernel.period);
  if (!grid) return CholeskyFactor::on(kernel, coordinates);
  const auto periodic = [](const Axis& axis) { return axis.period > 0; };
  if (is_exponential(kernel) && grid->axes.size() == 1 && !periodic(grid->axes[0]))
    return MarkovFactor::on(kernel, grid->axes[0]);
  const bool small = coordinates.numel() / coordinates.size(-1) <= kSmall;
  const bool torus = std::all_of(grid->axes.begin(), grid->axes.end(), periodic);
  if (!small || torus)
    if (const auto factor = CirculantFactor::on(kernel, *grid);
        factor && (factor->closed() || !small))
      return *factor;
  return CholeskyFactor::on(kernel, coordinates);
}

}  // namespace

struct GaussianField::OnDemand {
  Kernel kernel;
  at::Tensor coordinates;
  std::once_flag once;
  CholeskyFactor factor;

  const CholeskyFactor& get() {
    std::call_once(once, [&] {
      const c10::InferenceMode no_inference(false);
      const at::NoGradGuard no_gradients;
      factor = CholeskyFactor::on(kernel, coordinates);
    });
    return factor;
  }
};

GaussianField::GaussianField(CovarianceFactor factor, const Kernel& kernel,
                             const at::Tensor& coordinates)
    : factor_(std::move(factor)), device_(coordinates.device()) {
  const auto shape = coordinates.sizes();
  points_ = shape.slice(0, shape.size() - 1).vec();
  const auto* circulant = std::get_if<CirculantFactor>(&factor_);
  if (circulant && !circulant->closed())
    dense_.reset(new OnDemand{.kernel = kernel, .coordinates = coordinates});
}

GaussianField GaussianField::on(const Kernel& kernel, const at::Tensor& coordinates) {
  // A field made while sampling may serve in training: its tensors must be ordinary ones.
  const c10::InferenceMode no_inference(false);
  const at::NoGradGuard no_gradients;
  return {choose(kernel, coordinates), kernel, coordinates};
}

at::Tensor GaussianField::draw(int64_t rows, at::Generator& generator) const {
  const at::NoGradGuard no_gradients;
  const auto* circulant = std::get_if<CirculantFactor>(&factor_);
  std::vector<int64_t> shape = circulant ? circulant->torus : points_;
  shape.insert(shape.begin(), rows);
  // An FFT keeps float32's accuracy; the other factors' long sums would not.
  const auto type = circulant ? at::kFloat : at::kDouble;
  const at::Tensor z = at::randn(shape, generator, at::TensorOptions(type).device(device_));
  return std::visit([&](const auto& factor) { return factor.colour(z); }, factor_)
      .to(at::kFloat)
      .contiguous();
}

template <class Apply>
at::Tensor GaussianField::with_square_factor(const at::Tensor& x, const Apply& apply) const {
  const auto dimensions = static_cast<int64_t>(points_.size());
  TORCH_CHECK(x.dim() >= dimensions && x.sizes().slice(x.dim() - dimensions) == points_,
              "a field on ", points_, " points does not fit functions ", x.sizes());
  const at::Tensor exact = x.to(at::kDouble);
  const at::Tensor result =
      dense_ ? apply(dense_->get(), exact)
             : std::visit([&](const auto& factor) -> at::Tensor { return apply(factor, exact); },
                          factor_);
  return result.to(x.scalar_type());
}

at::Tensor GaussianField::whiten(const at::Tensor& f) const {
  return with_square_factor(
      f, [](const auto& factor, const at::Tensor& x) { return factor.whiten(x); });
}

at::Tensor GaussianField::colour(const at::Tensor& white) const {
  return with_square_factor(
      white, [](const auto& factor, const at::Tensor& x) { return factor.colour(x); });
}

at::Tensor GaussianField::cameron_martin(const at::Tensor& f) const {
  const auto dimensions = static_cast<int64_t>(points_.size());
  return with_square_factor(f, [&](const auto& factor, const at::Tensor& x) {
    return factor.whiten(x).square().flatten(x.dim() - dimensions).sum(-1);
  });
}

}  // namespace ornstein
