#include "trainers/point_cloud/shape_encoder.h"

namespace ornstein::point_cloud {
namespace {

constexpr double kFirstLogVariance = -6;

torch::nn::Linear he_linear(int64_t in, int64_t out) {
  torch::nn::Linear layer(in, out);
  torch::nn::init::kaiming_normal_(layer->weight);
  return layer;
}

}  // namespace

at::Tensor ShapePosterior::draw(at::Generator& generator) const {
  return mean + (log_variance / 2).exp() * at::randn(mean.sizes(), generator, mean.options());
}

at::Tensor ShapePosterior::entropy() const {
  return (log_variance + (1 + std::log(2 * M_PI))).sum(1) / 2;
}

ShapeEncoder::ShapeEncoder(int64_t axes, const std::vector<int64_t>& channels, int64_t code) {
  register_module("points", points_);
  for (const int64_t width : channels) {
    points_->push_back(he_linear(axes, width));
    axes = width;
  }
  const int64_t hidden = std::max<int64_t>(axes / 2, 1);
  head_1_ = register_module("head_1", he_linear(axes, hidden));
  head_2_ = register_module("head_2", he_linear(hidden, hidden));
  head_3_ = register_module("head_3", he_linear(hidden, 2 * code));
}

ShapePosterior ShapeEncoder::forward(const at::Tensor& x, const at::Tensor& mask) {
  at::Tensor h = x;
  for (size_t i = 0; i < points_->size(); ++i) {
    h = points_->at<torch::nn::LinearImpl>(i).forward(h);
    h = at::relu(at::layer_norm(h, {h.size(-1)}));
  }
  if (mask.defined())
    h = h.masked_fill(mask.logical_not().unsqueeze(2), -std::numeric_limits<double>::infinity());
  h = at::relu(head_2_(at::relu(head_1_(h.amax(1)))));
  const std::vector<at::Tensor> parts = head_3_(h).to(x.scalar_type()).chunk(2, 1);
  return {parts[0], parts[1] + kFirstLogVariance};
}

}  // namespace ornstein::point_cloud
