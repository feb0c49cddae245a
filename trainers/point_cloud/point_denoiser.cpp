#include "trainers/point_cloud/point_denoiser.h"

#include "framework/nn/zero_init.h"

namespace ornstein::point_cloud {
namespace {

constexpr double kSlope = 0.01;  // of LeakyReLU below zero

class ConcatSquash : public torch::nn::Module {
 public:
  ConcatSquash(int64_t in, int64_t out, int64_t context, bool zero)
      : layer_(register_module("layer", zeroed(torch::nn::Linear(in, out), zero))),
        gate_(register_module("gate", torch::nn::Linear(context, out))),
        shift_(register_module("shift", zeroed(torch::nn::Linear(context, out), zero))) {
    zeroed(gate_);
    if (!zero) torch::nn::init::kaiming_normal_(layer_->weight, kSlope);
  }

  at::Tensor forward(const at::Tensor& h, const at::Tensor& c) {  // [B, P, in], [B, context]
    return at::addcmul(shift_(c).unsqueeze(1), layer_(h), 2 * at::sigmoid(gate_(c)).unsqueeze(1));
  }

 private:
  torch::nn::Linear layer_, gate_, shift_;
};

}  // namespace

PointDenoiser::PointDenoiser(int64_t axes, const std::vector<int64_t>& channels, int64_t code,
                             const PointFeatures& point_features, const TimeFeatures& time_features)
    : point_features_(point_features), time_features_(time_features) {
  register_module("layers", layers_);
  const int64_t context = time_features.size() + code;
  int64_t width = point_features.size(axes);
  for (const int64_t next : channels) {
    layers_->push_back(std::make_shared<ConcatSquash>(width, next, context, false));
    width = next;
  }
  layers_->push_back(std::make_shared<ConcatSquash>(width, axes, context, true));
}

at::Tensor PointDenoiser::forward(const at::Tensor& x, const at::Tensor& t, const at::Tensor& z) {
  const at::Tensor c = at::cat({time_features_(t), z}, 1);
  at::Tensor h = point_features_(x);
  for (size_t i = 0; i < layers_->size(); ++i) {
    if (i > 0) h = at::leaky_relu(h, kSlope);
    h = layers_->at<ConcatSquash>(i).forward(h, c);
  }
  return h;
}

}  // namespace ornstein::point_cloud
