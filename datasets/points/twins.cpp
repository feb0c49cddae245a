#include "datasets/points/twins.h"

#include <numbers>

#include "datasets/points/communities.h"
#include "datasets/points/ising.h"
#include "datasets/points/space_twins.h"
#include "framework/base/errors.h"
#include "framework/config/did_you_mean.h"

namespace ornstein::points {
namespace {

using std::numbers::pi;

// Gauss-Legendre on [0, 1], `panels` of eight nodes (Golub and Welsch 1969: eigenvalues of the
// Jacobi matrix). Returns nodes and weights, [8 * panels] each.
std::pair<at::Tensor, at::Tensor> quadrature(int64_t panels) {
  const at::Tensor k = at::arange(1, 8, at::kDouble);
  const at::Tensor beside_diagonal = k / (4 * k.square() - 1).sqrt();
  const auto [roots, vectors] = at::linalg_eigh(at::diag(beside_diagonal, -1));  // lower triangle
  const at::Tensor nodes = (roots + 1) / 2;
  const at::Tensor weights = vectors[0].square();
  const at::Tensor starts = at::arange(panels, at::kDouble).unsqueeze(1);
  return {((starts + nodes) / panels).flatten(), (weights / panels).repeat({panels})};
}

// log sum_m w_m N(x; c_m, std^2 I) in the plane. x [b, 2], centres [M, 2], weights [M] -> [b].
at::Tensor log_mixture(const at::Tensor& x, const at::Tensor& centres, const at::Tensor& weights,
                       double std) {
  const double precision = 1 / (std * std);
  const at::Tensor offset =
      weights.log() - centres.square().sum(1) * (precision / 2) - std::log(2 * pi * std * std);
  std::vector<at::Tensor> parts;
  for (const at::Tensor& rows : x.split(1024)) {  // [1024, M] at a time
    const at::Tensor terms = at::addmm(offset, rows, centres.t(), 1, precision);
    const at::Tensor largest = terms.amax(1, true);
    // Below e^-60 a term is lost in rounding, and exp is slow where it underflows.
    const at::Tensor sum = terms.sub_(largest).clamp_min_(-60).exp_().sum(1);
    parts.push_back(largest.squeeze(1) + sum.log() - rows.square().sum(1) * (precision / 2));
  }
  return at::cat(parts);
}

at::Tensor uniform(int64_t rows, at::Generator& generator) {
  return at::rand({rows}, generator, at::kDouble);
}

at::Tensor normal(int64_t rows, at::Generator& generator) {
  return at::randn({rows, 2}, generator, at::kDouble);
}

at::Tensor on_circle(const at::Tensor& angle) { return at::stack({angle.cos(), angle.sin()}, 1); }

Twin gaussian() {
  const at::Tensor mean = at::tensor({1.0, -0.5}, at::kDouble);
  const at::Tensor root =
      at::linalg_cholesky(at::tensor({1.0, 0.8, 0.8, 1.5}, at::kDouble).view({2, 2}));
  const double log_normaliser = std::log(2 * pi) + root.diagonal().log().sum().item<double>();
  return {"gaussian",
          [=](int64_t rows, at::Generator& generator) {
            return mean + normal(rows, generator).matmul(root.t());
          },
          [=](const at::Tensor& x) {
            const at::Tensor white =
                at::linalg_solve_triangular(root, (x - mean).t(), /*upper=*/false);
            return white.square().sum(0) * -0.5 - log_normaliser;
          }};
}

Twin gaussian_mixture() {
  const double std = 0.25;
  const at::Tensor centres = 2 * on_circle(at::arange(8, at::kDouble) * (pi / 4));
  return {"gaussian_mixture",
          [=](int64_t rows, at::Generator& generator) {
            const at::Tensor which = at::randint(8, {rows}, generator, at::kLong);
            return centres.index_select(0, which) + std * normal(rows, generator);
          },
          [=](const at::Tensor& x) {
            return log_mixture(x, centres, at::full({8}, 1.0 / 8, at::kDouble), std);
          }};
}

// A curve on [0, 1] with Gaussian noise about it, uniform in the curve's parameter. A panel of the
// quadrature should be no longer than about three standard deviations.
Twin noisy_curve(std::string name, const std::function<at::Tensor(const at::Tensor&)>& curve,
                 int64_t panels) {
  const double std = 0.1;
  const auto [nodes, weights] = quadrature(panels);
  return {std::move(name),
          [=](int64_t rows, at::Generator& generator) {
            return curve(uniform(rows, generator)) + std * normal(rows, generator);
          },
          [std, weights, centres = curve(nodes)](const at::Tensor& x) {
            return log_mixture(x, centres, weights, std);
          }};
}

at::Tensor swiss_roll(const at::Tensor& u) {
  const at::Tensor theta = 1.5 * pi * (1 + 2 * u);
  return on_circle(theta) * (theta / 5).unsqueeze(1);
}

// The first half of [0, 1] runs along one moon, the second along the other.
at::Tensor two_moons(const at::Tensor& u) {
  const at::Tensor upper = on_circle(2 * pi * u);
  const at::Tensor lower = at::tensor({1.0, 0.5}, at::kDouble) + on_circle(2 * pi * u);
  return at::where((u < 0.5).unsqueeze(1), upper, lower);
}

Twin checkerboard() {
  return {"checkerboard",
          [](int64_t rows, at::Generator& generator) {
            // Places inside a square are middles of a grid of 2^-20: exact in single precision, so
            // that no point is rounded over an edge.
            const at::Tensor inside =
                (at::randint(1 << 20, {rows, 2}, generator, at::kDouble) + 0.5) * 0x1p-20;
            const at::Tensor square = at::randint(8, {rows}, generator, at::kLong);
            const at::Tensor row = square.div(2, "floor");
            const at::Tensor column = 2 * square.remainder(2) + row.remainder(2);
            return at::stack({column, row}, 1) - 2 + inside;
          },
          [](const at::Tensor& x) {
            const at::Tensor square = x.floor();
            const at::Tensor dark = square.sum(1).remainder(2) == 0;
            const at::Tensor on_board = (x >= -2).logical_and(x < 2).all(1);
            const at::Tensor density = dark.logical_and(on_board).to(at::kDouble) / 8;
            return density.log();
          }};
}

}  // namespace

std::vector<Twin> twins() {
  std::vector<Twin> all = {gaussian(), gaussian_mixture(),
                           noisy_curve("swiss_roll", swiss_roll, 80),
                           noisy_curve("two_moons", two_moons, 24), checkerboard()};
  for (const Twin& twin : space_twins()) all.push_back(twin);
  all.push_back(ising(kIsingSize, kIsingBeta));
  all.push_back(communities());
  return all;
}

Twin find_twin(const std::string& name) {
  std::vector<std::string> names;
  for (const Twin& twin : twins()) {
    if (twin.name == name) return twin;
    names.push_back(twin.name);
  }
  throw DataError("synthetic:" + name + ": there is no such twin" + did_you_mean(name, names));
}

}  // namespace ornstein::points
