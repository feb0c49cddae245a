#include "datasets/point_clouds/normalisation.h"

namespace ornstein::point_clouds {

const std::vector<std::string>& normalisations() {
  static const std::vector<std::string> names = {"shape_unit", "shape_box", "global_unit", "none"};
  return names;
}

Normalisation normalisation_of(const at::Tensor& points, const std::string& name) {
  const int64_t clouds = points.size(0), dimensions = points.size(2);
  at::Tensor shift, scale;
  if (name == "shape_unit") {
    shift = points.mean(1);
    scale = (points - shift.unsqueeze(1)).square().mean(at::IntArrayRef{1, 2}).sqrt();
  } else if (name == "shape_box") {
    const at::Tensor least = points.amin(1), most = points.amax(1);
    shift = (least + most) / 2;
    scale = (most - least).amax(1) / 2;
  } else if (name == "global_unit") {
    const at::Tensor mean = points.mean(at::IntArrayRef{0, 1});
    shift = mean.expand({clouds, dimensions});
    scale = (points - mean).square().mean().sqrt().expand({clouds});
  } else {
    TORCH_CHECK(name == "none", "no normalisation is called ", name);
    shift = at::zeros({clouds, dimensions}, at::kDouble);
    scale = at::ones({clouds}, at::kDouble);
  }
  return {shift.contiguous(), at::where(scale > 0, scale, 1.0).contiguous()};
}

at::Tensor normalised(const at::Tensor& points, const Normalisation& normalisation) {
  return (points - normalisation.shift.unsqueeze(1)) / normalisation.scale.view({-1, 1, 1});
}

}  // namespace ornstein::point_clouds
