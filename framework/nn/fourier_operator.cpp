#include "framework/nn/fourier_operator.h"

#include "framework/nn/condition_embedding.h"
#include "framework/nn/function_domain.h"
#include "framework/nn/spectral_convolution.h"
#include "framework/nn/zero_init.h"

namespace ornstein {
namespace {

struct FourierOptions {
  int64_t width = 0, layers = 0, projection = 0, time_channels = 0;
  std::vector<int64_t> modes;  // of each axis
  double padding = 0;
  bool position = true;
  TimeFeatures features;
};

class FourierLayer : public torch::nn::Module {
 public:
  explicit FourierLayer(const FourierOptions& options)
      : spectral_(register_module("spectral", std::make_shared<SpectralConvolution>(
                                                  options.width, options.width, options.modes))),
        pointwise_(register_module("pointwise", torch::nn::Linear(options.width, options.width))),
        modulation_(register_module(
            "modulation", zeroed(torch::nn::Linear(options.time_channels, 2 * options.width)))) {}

  // h [B, n(, m), width], e [B, time_channels]
  at::Tensor forward(const at::Tensor& h, const at::Tensor& e, const FourierBasis& basis) {
    std::vector<int64_t> sizes(h.dim(), 1);
    sizes.front() = h.size(0);
    sizes.back() = -1;
    const std::vector<at::Tensor> modulation = modulation_(e).view(sizes).chunk(2, -1);
    const at::Tensor z = spectral_->forward(h, pointwise_(h), basis);
    return at::addcmul(modulation[1], z, 1 + modulation[0]);
  }

 private:
  std::shared_ptr<SpectralConvolution> spectral_;
  torch::nn::Linear pointwise_, modulation_;
};

class FourierOperator : public torch::nn::Module {
 public:
  FourierOperator(const FourierOptions& options, const NetworkShape& shape)
      : options_(options), domain_(domain_of(shape)), waves_(domain_.size(), 1) {
    const int64_t inputs =
        shape.input[0] + (options.position ? coordinate_feature_count(domain_, waves_) : 0);
    condition_ = register_module("condition", std::make_shared<ConditionEmbedding>(
                                                  options.features, options.time_channels, shape));
    lift_ = register_module("lift", torch::nn::Linear(inputs, options.width));
    register_module("layers", layers_);
    for (int64_t i = 0; i < options.layers; ++i)
      layers_->push_back(std::make_shared<FourierLayer>(options));
    project_1_ = register_module("project_1", torch::nn::Linear(options.width, options.projection));
    project_2_ =
        register_module("project_2", zeroed(torch::nn::Linear(options.projection, shape.outputs)));
  }

  at::Tensor forward(const at::Tensor& x, const at::Tensor& t, const Batch& given) {
    const std::vector<at::Tensor> positions = axes_of(given.coordinates);
    require_grid(x, given.coordinates, domain_);
    std::vector<RegularAxis> axes;
    for (size_t i = 0; i < domain_.size(); ++i)
      axes.push_back(regular_axis(positions[i], domain_[i], options_.padding));
    const FourierBasis basis = fourier_basis(axes, options_.modes, x.options());

    at::Tensor h = x.movedim(1, -1);
    if (options_.position) {
      std::vector<int64_t> sizes = h.sizes().vec();
      sizes.back() = -1;
      const at::Tensor features = coordinate_features(positions, domain_, waves_);
      h = at::cat({h, features.to(x.options()).expand(sizes)}, -1);
    }
    h = lift_(h);
    const at::Tensor e = condition_->forward(t, given);
    for (size_t i = 0; i < layers_->size(); ++i) {
      h = layers_->at<FourierLayer>(i).forward(h, e, basis);
      if (i + 1 < layers_->size()) h = at::gelu(h);
    }
    return project_2_(at::gelu(project_1_(h))).movedim(-1, 1).contiguous();
  }

 private:
  FourierOptions options_;
  std::vector<DomainAxis> domain_;
  std::vector<int64_t> waves_;  // of the position, on each axis
  std::shared_ptr<ConditionEmbedding> condition_;
  torch::nn::Linear lift_{nullptr}, project_1_{nullptr}, project_2_{nullptr};
  torch::nn::ModuleList layers_;
};

}  // namespace

Network make_fourier_operator(const ConfigReader& section, const NetworkShape& shape) {
  if (shape.dimensions == 0)
    section.fail("name", fmt::format("is fourier_operator, which works on functions (rows are [{}] "
                                     "without coordinates) choose mlp, unet or resnet",
                                     fmt::join(shape.input, ", ")));
  if (!shape.regular)
    section.fail("name",
                 "is fourier_operator, which needs points at equal distances, on a periodic axis "
                 "round it once (the data have others) choose point_attention");
  FourierOptions options;
  options.width = section.integer("width", 64, 1);
  options.layers = section.integer("layers", 4, 1);
  options.padding = section.number("padding", 0.25, 0, 10);
  std::vector<double> limits;
  for (const DomainAxis& axis : domain_of(shape))
    limits.push_back(nyquist(axis, period_of(axis, options.padding)));
  options.modes = read_frequencies(section, "modes", 16, limits);
  options.position = section.flag("position", true);
  options.projection = section.integer("projection", 128, 1);
  options.time_channels = section.integer("time_channels", 128, 1);
  options.features = read_geometric_features(section, 32, 0.5, 15);
  auto network = std::make_shared<FourierOperator>(options, shape);
  return {network, [network](const at::Tensor& x, const at::Tensor& t, const Batch& given) {
            return network->forward(x, t, given);
          }};
}

}  // namespace ornstein
