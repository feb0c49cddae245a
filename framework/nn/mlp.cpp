#include "framework/nn/mlp.h"

#include "framework/nn/class_embedding.h"
#include "framework/nn/time_embedding.h"
#include "framework/nn/zero_init.h"

namespace ornstein {
namespace {

class Mlp : public torch::nn::Module {
 public:
  Mlp(int64_t width, int64_t depth, const TimeFeatures& features,
      std::vector<double> position_frequencies, const NetworkShape& shape)
      : features_(features),
        position_frequencies_(std::move(position_frequencies)),
        output_shape_(shape.input) {
    output_shape_.front() = shape.outputs;
    const int64_t inputs = c10::multiply_integers(shape.input) *
                           (1 + 2 * static_cast<int64_t>(position_frequencies_.size()));
    const int64_t outputs = c10::multiply_integers(output_shape_);
    input_ = register_module("input", torch::nn::Linear(inputs + features.size(), width));
    if (shape.classes > 0)
      class_embedding_ =
          register_module("class_embedding", torch::nn::Embedding(shape.classes, width));
    register_module("layers", layers_);
    for (int64_t i = 0; i < depth; ++i) layers_->push_back(torch::nn::Linear(width, width));
    output_ = register_module("output", zeroed(torch::nn::Linear(width, outputs)));
  }

  at::Tensor forward(const at::Tensor& x, const at::Tensor& t, const at::Tensor& labels) {
    const at::Tensor flat = x.flatten(1);
    std::vector<at::Tensor> inputs{flat};
    for (const double f : position_frequencies_) {
      inputs.push_back((f * flat).sin());
      inputs.push_back((f * flat).cos());
    }
    inputs.push_back(features_(t));
    at::Tensor h = add_class(input_(at::cat(inputs, 1)), class_embedding_, labels);
    for (size_t i = 0; i < layers_->size(); ++i)
      h = h + at::silu(layers_->at<torch::nn::LinearImpl>(i).forward(h));
    return output_(at::silu(h)).unflatten(1, output_shape_);
  }

 private:
  TimeFeatures features_;
  std::vector<double> position_frequencies_;
  std::vector<int64_t> output_shape_;  // of one row
  torch::nn::Linear input_{nullptr}, output_{nullptr};
  torch::nn::Embedding class_embedding_{nullptr};
  torch::nn::ModuleList layers_;
};

}  // namespace

Network make_mlp(const ConfigReader& section, const NetworkShape& shape) {
  TORCH_CHECK(!shape.input.empty(), "an MLP needs the shape of a row");
  const int64_t width = section.integer("width", 128, 1);
  const int64_t depth = section.integer("depth", 3, 0);
  const TimeFeatures features = read_geometric_features(section, 16, 0.25, 4);
  const auto frequencies = section.numbers("position_frequencies", std::vector<double>{});
  auto mlp = std::make_shared<Mlp>(width, depth, features, frequencies, shape);
  return {mlp, [mlp](const at::Tensor& x, const at::Tensor& t, const Batch& given) {
            return mlp->forward(x, t, given.labels);
          }};
}

}  // namespace ornstein
