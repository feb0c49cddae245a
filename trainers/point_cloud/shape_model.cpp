#include "trainers/point_cloud/shape_model.h"

#include "framework/nn/network.h"

namespace ornstein::point_cloud {
namespace {

std::vector<int64_t> read_channels(const ConfigReader& section, std::vector<int64_t> fallback) {
  const std::vector<int64_t> channels = section.integers("channels", std::move(fallback), 1);
  if (channels.empty()) section.fail("channels", "is empty (it lists layers) give one or more");
  return channels;
}

}  // namespace

std::vector<ParameterGroup> ShapeModel::parameters() const {
  return {{"encoder", parameters_of(*encoder)},
          {"prior", parameters_of(*prior)},
          {"denoiser", parameters_of(*denoiser)}};
}

DiffusionNetwork ShapeModel::network(const at::Tensor& z) const {
  return [module = denoiser, z](const at::Tensor& input, const at::Tensor& log_sigma) {
    return module->forward(input, log_sigma, z);
  };
}

at::Tensor ShapeModel::divergence(const ShapePosterior& q, const at::Tensor& z,
                                  const at::Tensor& labels) const {
  return -q.entropy() - prior->log_density(z, labels);
}

ShapeModel read_shape_model(const ConfigReader& root, int64_t axes, int64_t classes) {
  const ConfigReader encoder = root.section("encoder"), prior = root.section("prior");
  const ConfigReader denoiser = root.section("denoiser");
  const std::vector<int64_t> points = read_channels(encoder, {128, 128, 256, 512});
  const int64_t code = encoder.integer("code", 256, 2);
  const int64_t layers = prior.integer("layers", 14, 0), hidden = prior.integer("hidden", 256, 1);
  const std::vector<int64_t> channels = read_channels(denoiser, {128, 256, 512, 256, 128});
  const PointFeatures seen = read_point_features(denoiser);
  const TimeFeatures times = read_geometric_features(denoiser, 16, 0.25, 4);
  return {std::make_shared<ShapeEncoder>(axes, points, code),
          std::make_shared<ShapePrior>(code, layers, hidden, classes),
          std::make_shared<PointDenoiser>(axes, channels, code, seen, times)};
}

}  // namespace ornstein::point_cloud
