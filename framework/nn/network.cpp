#include "framework/nn/network.h"

#include "framework/nn/fourier_operator.h"
#include "framework/nn/mlp.h"
#include "framework/nn/point_attention.h"
#include "framework/nn/resnet.h"
#include "framework/nn/set_transformer.h"
#include "framework/nn/unet.h"

namespace ornstein {
namespace {

using Maker = Network (*)(const ConfigReader&, const NetworkShape&);

// A perceptron needs the grid it was made for, a convolution of pixels its spacing; both see the
// order of a set's points.
NetworkFactory::Maker on_one_grid(Maker make) {
  return [make](const ConfigReader& section, const NetworkShape& shape) {
    if (shape.dimensions > 0)
      section.fail("name", fmt::format("is {}, which knows one grid (functions come on any) choose "
                                       "fourier_operator or point_attention",
                                       section.text("name", std::nullopt)));
    if (shape.set)
      section.fail("name", fmt::format("is {}, which sees the order of its numbers (the points of "
                                       "a cloud have none) choose set_transformer",
                                       section.text("name", std::nullopt)));
    return make(section, shape);
  };
}

}  // namespace

NetworkFactory make_network_factory() {
  NetworkFactory factory("network");
  factory.add("mlp", "residual perceptron for points", "He et al. 2016, arXiv:1512.03385",
              on_one_grid(make_mlp));
  factory.add(
      "unet",
      "U-Net with self-attention for images, weights interchangeable with diffusers' UNet2DModel",
      "Ho et al. 2020, arXiv:2006.11239", on_one_grid(make_unet));
  factory.add("resnet", "convolutional residual network at one resolution, for wavelet details",
              "Guth et al. 2022, arXiv:2208.05003", on_one_grid(make_resnet));
  factory.add("fourier_operator",
              "Fourier neural operator for functions on regular grids of any size",
              "Li et al. 2021, arXiv:2010.08895", make_fourier_operator);
  factory.add("point_attention", "integral attention for functions on any points",
              "Cao 2021, arXiv:2105.14995", make_point_attention);
  factory.add("set_transformer", "attention through latent vectors for sets of points",
              "Lee et al. 2019, arXiv:1810.00825", make_set_transformer);
  return factory;
}

Network make_network(const ConfigReader& section, const NetworkShape& shape) {
  return make_network_factory().make(section.text("name", std::nullopt), section, shape);
}

std::vector<NamedTensor> parameters_of(const torch::nn::Module& module) {
  std::vector<NamedTensor> parameters;
  for (const auto& parameter : module.named_parameters())
    parameters.push_back({parameter.key(), parameter.value()});
  return parameters;
}

std::vector<NamedTensor> parameters_of(const Network& network) {
  return parameters_of(*network.module);
}

}  // namespace ornstein
