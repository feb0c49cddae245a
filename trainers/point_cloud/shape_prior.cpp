#include "trainers/point_cloud/shape_prior.h"

#include "framework/nn/class_embedding.h"
#include "framework/nn/zero_init.h"

namespace ornstein::point_cloud {
namespace {

constexpr double kLargestLogScale = 2;

class Coupling : public torch::nn::Module {
 public:
  Coupling(int64_t size, bool keeps_first, int64_t hidden, int64_t classes)
      : kept_(keeps_first ? size / 2 : size - size / 2), keeps_first_(keeps_first) {
    linear_1_ = register_module("linear_1", torch::nn::Linear(kept_, hidden));
    linear_2_ = register_module("linear_2", torch::nn::Linear(hidden, hidden));
    linear_3_ = register_module("linear_3", zeroed(torch::nn::Linear(hidden, 2 * (size - kept_))));
    if (classes > 0)
      class_embedding_ = register_module("class_embedding", torch::nn::Embedding(classes, hidden));
  }

  // z [B, Z] -> the next layer's, and adds log|det| to `log_det` [B].
  at::Tensor forward(const at::Tensor& z, const at::Tensor& labels, at::Tensor& log_det) {
    const auto [u, v] = halves(z);
    const auto [log_scale, shift] = conditioned(u, labels);
    log_det = log_det + log_scale.sum(1);
    return joined(u, v * log_scale.exp() + shift);
  }

  at::Tensor inverse(const at::Tensor& w, const at::Tensor& labels) {
    const auto [u, v] = halves(w);
    const auto [log_scale, shift] = conditioned(u, labels);
    return joined(u, (v - shift) * (-log_scale).exp());
  }

 private:
  std::pair<at::Tensor, at::Tensor> halves(const at::Tensor& z) const {
    const int64_t begin = keeps_first_ ? 0 : z.size(1) - kept_;
    return {z.narrow(1, begin, kept_), z.narrow(1, keeps_first_ ? kept_ : 0, z.size(1) - kept_)};
  }

  at::Tensor joined(const at::Tensor& u, const at::Tensor& v) const {
    return keeps_first_ ? at::cat({u, v}, 1) : at::cat({v, u}, 1);
  }

  std::pair<at::Tensor, at::Tensor> conditioned(const at::Tensor& u, const at::Tensor& labels) {
    const at::Tensor h = at::relu(add_class(linear_1_(u), class_embedding_, labels));
    // Not in bf16: errors of the log-density would add up over the layers.
    const auto parts = linear_3_(at::relu(linear_2_(h))).to(u.scalar_type()).chunk(2, 1);
    return {kLargestLogScale * (parts[0] / kLargestLogScale).tanh(), parts[1]};
  }

  int64_t kept_;
  bool keeps_first_;
  torch::nn::Linear linear_1_{nullptr}, linear_2_{nullptr}, linear_3_{nullptr};
  torch::nn::Embedding class_embedding_{nullptr};
};

}  // namespace

ShapePrior::ShapePrior(int64_t size, int64_t layers, int64_t hidden, int64_t classes)
    : size_(size) {
  TORCH_CHECK(size >= 2, "a coupling flow couples two numbers at least, not ", size);
  register_module("layers", layers_);
  for (int64_t i = 0; i < layers; ++i)
    layers_->push_back(std::make_shared<Coupling>(size, i % 2 == 0, hidden, classes));
}

at::Tensor ShapePrior::log_density(const at::Tensor& z, const at::Tensor& labels) {
  at::Tensor w = z, log_det = at::zeros({z.size(0)}, z.options());
  for (size_t i = 0; i < layers_->size(); ++i)
    w = layers_->at<Coupling>(i).forward(w, labels, log_det);
  return log_det - w.square().sum(1) / 2 - static_cast<double>(size_) / 2 * std::log(2 * M_PI);
}

at::Tensor ShapePrior::from_normal(const at::Tensor& w, const at::Tensor& labels) {
  at::Tensor z = w;
  for (size_t i = layers_->size(); i > 0; --i) z = layers_->at<Coupling>(i - 1).inverse(z, labels);
  return z;
}

at::Tensor ShapePrior::sample(int64_t rows, const at::Tensor& labels, at::Generator& generator) {
  return from_normal(at::randn({rows, size_}, generator, at::device(generator.device())), labels);
}

}  // namespace ornstein::point_cloud
