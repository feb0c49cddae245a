#include "framework/diffusion/prediction.h"

namespace ornstein {

const std::vector<std::string>& prediction_names() {
  static const std::vector<std::string> names{"noise", "x0", "v", "edm"};
  return names;
}

Prediction prediction_from(const std::string& name) {
  const auto& names = prediction_names();
  const auto found = std::find(names.begin(), names.end(), name);
  TORCH_CHECK(found != names.end(), "prediction_from: '", name, "' is no prediction");
  return static_cast<Prediction>(found - names.begin());
}

at::Tensor per_row(const at::Tensor& values, const at::Tensor& like) {
  const bool rows = values.dim() > 0 && like.dim() > 0 && values.size(0) == like.size(0);
  if (rows && values.dim() == like.dim()) return values;
  TORCH_CHECK(rows && values.dim() == 1, "one value a row wants [B] beside [B, ...], not ",
              values.sizes(), " beside ", like.sizes());
  std::vector<int64_t> shape(like.dim(), 1);
  shape[0] = values.size(0);
  return values.view(shape);
}

Estimate estimate_from(Prediction prediction, const at::Tensor& output, const at::Tensor& y,
                       const at::Tensor& sigma, double sigma_data) {
  const at::Tensor level = per_row(sigma, y);
  switch (prediction) {
    case Prediction::noise:
      return {y - level * output, output};
    case Prediction::data:
      return {output, (y - output) / level};
    case Prediction::velocity: {
      const at::Tensor a = (1 + level.square()).rsqrt(), b = level * a;
      return {a.square() * y - b * output, a * (b * y + output)};
    }
    case Prediction::edm: {
      const double s = sigma_data;
      const at::Tensor q = level.square() + s * s, root = q.sqrt();
      return {(s * s / q) * y + (level * s / root) * output, (level / q) * y - (s / root) * output};
    }
  }
  TORCH_CHECK(false, "estimate_from: no such prediction");
}

at::Tensor regression_target(Prediction prediction, const at::Tensor& x0, const at::Tensor& noise,
                             const at::Tensor& sigma, double sigma_data) {
  const at::Tensor level = per_row(sigma, x0);
  switch (prediction) {
    case Prediction::noise:
      return noise;
    case Prediction::data:
      return x0;
    case Prediction::velocity:
      return (noise - level * x0) * (1 + level.square()).rsqrt();
    case Prediction::edm:
      // (x0 - c_skip y)/c_out with the x0 of both terms gathered: nothing cancels at small sigma.
      return (level / sigma_data * x0 - sigma_data * noise) *
             (level.square() + sigma_data * sigma_data).rsqrt();
  }
  TORCH_CHECK(false, "regression_target: no such prediction");
}

at::Tensor network_input(const at::Tensor& y, const at::Tensor& sigma, double sigma_data) {
  return y * per_row((sigma.square() + sigma_data * sigma_data).rsqrt(), y);
}

}  // namespace ornstein
