#include "trainers/nonlinear_flow/flow.h"

#include "trainers/nonlinear_flow/coupling_flow.h"
#include "trainers/nonlinear_flow/residual_flow.h"

namespace ornstein::nonlinear_flow {
namespace {

using Layers = std::vector<std::shared_ptr<Bijection>>;

constexpr double kMostLipschitz = 0.98;  // the paper's: 230 iterations of the inverse

struct Size {
  int64_t channels, height, width;
};

// `add` appends layer i of n at a size.
template <class Add>
std::shared_ptr<Bijection> in_levels(const ConfigReader& section, Size size,
                                     const std::vector<int64_t>& blocks, const Add& add) {
  const auto levels = static_cast<int64_t>(blocks.size()) - 1;
  const int64_t divisor = int64_t{1} << std::min<int64_t>(levels, 30);
  if (levels < 0 || size.height % divisor != 0 || size.width % divisor != 0)
    section.fail(
        "blocks",
        fmt::format("has {} entries for images of {}x{} (one, and one more for each "
                    "halving of both sides) give fewer, or a network that frames the images",
                    levels + 1, size.height, size.width));
  Layers layers;
  for (int64_t level = 0; level <= levels; ++level) {
    if (level > 0) {
      layers.push_back(std::make_shared<Squeeze>(false));
      size = {4 * size.channels, size.height / 2, size.width / 2};
    }
    for (int64_t i = 0; i < blocks[level]; ++i) add(layers, size, i, blocks[level]);
  }
  if (layers.size() == static_cast<size_t>(levels))
    section.fail("blocks", "holds no layer (the flow would be the identity) name it identity");
  for (int64_t level = 0; level < levels; ++level)
    layers.push_back(std::make_shared<Squeeze>(true));
  return std::make_shared<Chain>(std::move(layers));
}

std::shared_ptr<Bijection> read_coupling(const ConfigReader& section, const Size& size) {
  const auto blocks = section.integers("blocks", std::vector<int64_t>{0, 4, 4}, 0);
  const int64_t hidden = section.integer("channels", 64, 1);
  if (size.channels == 1 && !blocks.empty() && blocks[0] > 0)
    section.fail("blocks",
                 "couples the only channel of the full size (a coupling needs two) begin "
                 "with 0");
  // Reversals come in pairs, so that each level begins as the identity.
  return in_levels(
      section, size, blocks, [&](Layers& layers, const Size& here, int64_t i, int64_t n) {
        layers.push_back(std::make_shared<ActNorm>(here.channels));
        layers.push_back(std::make_shared<InvertibleConvolution>(here.channels, i >= n % 2));
        layers.push_back(std::make_shared<AffineCoupling>(here.channels, hidden));
      });
}

std::shared_ptr<Bijection> read_residual(const ConfigReader& section, const Size& size) {
  const auto blocks = section.integers("blocks", std::vector<int64_t>{4, 4}, 0);
  ResidualOptions options;
  options.hidden = section.integer("channels", 32, 1);
  options.lipschitz = section.number("lipschitz", 0.9);
  if (!(options.lipschitz > 0 && options.lipschitz <= kMostLipschitz))
    section.fail(
        "lipschitz",
        fmt::format("is {} (a layer x + g(x) is invertible for less than 1, and slowly near "
                    "it) take a number between 0 and {}",
                    options.lipschitz, kMostLipschitz));
  const std::string log_det =
      section.choice("log_det", "roulette", {"exact", "series", "roulette"});
  options.log_det = log_det == "exact"    ? ResidualLogDet::exact
                    : log_det == "series" ? ResidualLogDet::series
                                          : ResidualLogDet::roulette;
  options.terms = section.integer("terms", 2, 1);
  return in_levels(section, size, blocks, [&](Layers& layers, const Size& here, int64_t, int64_t) {
    layers.push_back(
        std::make_shared<ResidualLayer>(here.channels, here.height, here.width, options));
  });
}

}  // namespace

std::shared_ptr<Bijection> read_flow(const ConfigReader& section,
                                     const std::vector<int64_t>& image) {
  TORCH_CHECK(image.size() == 3, "read_flow wants C, H, W");
  const std::string name = section.choice("name", "coupling", {"identity", "coupling", "residual"});
  const Size size{image[0], image[1], image[2]};
  if (name == "coupling") return read_coupling(section, size);
  if (name == "residual") return read_residual(section, size);
  return std::make_shared<Chain>(Layers{});
}

}  // namespace ornstein::nonlinear_flow
