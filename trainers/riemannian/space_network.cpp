#include "trainers/riemannian/space_network.h"

namespace ornstein::riemannian {
namespace {

int64_t count(const Euclidean& own) { return own.d; }
int64_t count(const Sphere& own) { return own.d + 1; }
int64_t count(const Torus& own) { return 2 * own.d; }
int64_t count(const Rotations& own) { return own.ambient(); }
int64_t count(const Hyperbolic& own) { return own.d; }

at::Tensor seen(const Torus&, const at::Tensor& x) { return at::cat({x.cos(), x.sin()}, 1); }
at::Tensor seen(const Hyperbolic& own, const at::Tensor& x) {
  const at::Tensor origin = at::zeros_like(x);
  origin.select(1, 0).fill_(1);
  return own.log(origin, x).narrow(1, 1, own.d);
}
at::Tensor seen(const auto&, const at::Tensor& x) { return x; }

}  // namespace

int64_t feature_count(const Space& space) {
  int64_t sum = 0;
  for (const Factor& factor : space.factors())
    sum += std::visit([](const auto& own) { return count(own); }, factor);
  return sum;
}

at::Tensor features(const Space& space, const at::Tensor& x) {
  std::vector<at::Tensor> parts;
  int64_t first = 0;
  for (const Factor& factor : space.factors())
    std::visit(
        [&](const auto& own) {
          parts.push_back(seen(own, x.narrow(1, first, own.ambient())));
          first += own.ambient();
        },
        factor);
  return at::cat(parts, 1);
}

SpaceNetwork::SpaceNetwork(const ConfigReader& root, const Space& space)
    : frequencies_(root.section("trainer").numbers("frequencies", std::vector<double>{})) {
  const int64_t inputs = feature_count(space) * (1 + 2 * static_cast<int64_t>(frequencies_.size()));
  network_ = make_network(root.section("network"), {{inputs}, space.noise_size()});
}

at::Tensor SpaceNetwork::operator()(const Space& space, const at::Tensor& x,
                                    const at::Tensor& sigma, const at::Tensor& time) const {
  const at::Tensor smooth = features(space, x);
  std::vector<at::Tensor> inputs{smooth};
  for (const double f : frequencies_) {
    const at::Tensor left = (-0.5 * (f * sigma).square()).exp().unsqueeze(1);
    inputs.push_back(left * (f * smooth).sin());
    inputs.push_back(left * (f * smooth).cos());
  }
  const at::Tensor output =
      network_.call(at::cat(inputs, 1).to(at::kFloat), time.to(at::kFloat), {});
  return space.tangent_from(x, output.to(x.scalar_type()));
}

}  // namespace ornstein::riemannian
