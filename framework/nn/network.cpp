#include "framework/nn/network.h"

#include "framework/nn/mlp.h"
#include "framework/nn/resnet.h"
#include "framework/nn/unet.h"

namespace ornstein {

NetworkFactory make_network_factory() {
  NetworkFactory factory("network");
  factory.add("mlp", "residual perceptron for points", "He et al. 2016, arXiv:1512.03385",
              make_mlp);
  factory.add(
      "unet",
      "U-Net with self-attention for images, weights interchangeable with diffusers' UNet2DModel",
      "Ho et al. 2020, arXiv:2006.11239", make_unet);
  factory.add("resnet", "convolutional residual network at one resolution, for wavelet details",
              "Guth et al. 2022, arXiv:2208.05003", make_resnet);
  return factory;
}

Network make_network(const ConfigReader& section, const NetworkShape& shape) {
  return make_network_factory().make(section.text("name", std::nullopt), section, shape);
}

std::vector<NamedTensor> parameters_of(const Network& network) {
  std::vector<NamedTensor> parameters;
  for (const auto& parameter : network.module->named_parameters())
    parameters.push_back({parameter.key(), parameter.value()});
  return parameters;
}

}  // namespace ornstein
