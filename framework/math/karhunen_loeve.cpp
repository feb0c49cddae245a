#include "framework/math/karhunen_loeve.h"

#include "framework/base/errors.h"
#include "framework/math/grid.h"

namespace ornstein {
namespace {

// 1/(N lambda) times how often a mode stands in the whole spectrum, for the `terms` largest lambda
// and those that equal the last of them.
at::Tensor torus_gain(const CirculantFactor& factor, int64_t terms) {
  const int64_t columns = factor.torus.back();
  at::Tensor count = at::full({columns / 2 + 1}, 2.0, factor.eigenvalues.options());
  count[0] = 1;
  if (columns % 2 == 0) count[-1] = 1;
  count = count.expand_as(factor.eigenvalues);
  const auto [falling, order] = factor.eigenvalues.flatten().sort(/*dim=*/0, /*descending=*/true);
  const at::Tensor reached = count.reshape({-1}).index_select(0, order).cumsum(0) >= terms;
  const at::Tensor last =
      reached.any().item<bool>() ? falling[reached.nonzero()[0][0]] : falling[-1];
  const auto whole =
      static_cast<double>(factor.torus.size() == 1 ? columns : columns * factor.torus[0]);
  const at::Tensor kept = factor.eigenvalues >= last * (1 - 1e-9);
  return kept * count / (factor.eigenvalues * whole);
}

}  // namespace

KarhunenLoeve KarhunenLoeve::on(const Kernel& kernel, const at::Tensor& coordinates,
                                int64_t terms) {
  const c10::InferenceMode no_inference(false);
  const at::NoGradGuard no_gradients;
  const auto grid = Grid::of(coordinates, kernel.period);
  if (!grid)
    throw ConfigError(
        "a Karhunen-Loeve expansion integrates over the domain (these coordinates are no product "
        "of sorted axes) take another loss, or a rectangular grid");
  KarhunenLoeve expansion;
  expansion.weights = grid->weights();
  const at::Tensor root = expansion.weights.flatten().sqrt();
  const int64_t points = root.size(0);
  if (points > kMostDensePoints)
    throw ConfigError(fmt::format(
        "a Karhunen-Loeve expansion on {} points (its memory is their square, at most {} points) "
        "take a coarser grid, or a regular periodic one",
        points, kMostDensePoints));
  const at::Tensor x = coordinates.to(at::kDouble).flatten(0, -2);
  const at::Tensor matrix = covariance_matrix(kernel, x, x);
  matrix.diagonal().mul_(1 + kJitter);
  const auto [rising, vectors] =
      at::linalg_eigh(root.unsqueeze(1) * matrix * root.unsqueeze(0), "L");
  const int64_t kept = std::min(terms, points);
  expansion.eigenvalues = rising.flip(0).narrow(0, 0, kept).contiguous();
  auto shape = expansion.weights.sizes().vec();
  shape.insert(shape.begin(), kept);
  expansion.functions =
      (vectors.mT().flip(0).narrow(0, 0, kept) / root).contiguous().reshape(shape);
  return expansion;
}

at::Tensor KarhunenLoeve::coefficients(const at::Tensor& f) const {
  const at::Tensor weighted = (functions * weights).flatten(1).to(f.options());
  return f.flatten(f.dim() - weights.dim()).matmul(weighted.mT());
}

at::Tensor KarhunenLoeve::expand(const at::Tensor& coefficients) const {
  const at::Tensor rows = coefficients.matmul(functions.flatten(1).to(coefficients.options()));
  return weights.dim() == 1 ? rows : rows.unflatten(-1, weights.sizes());
}

at::Tensor KarhunenLoeve::draw(int64_t rows, at::Generator& generator) const {
  const at::Tensor xi = at::randn({rows, eigenvalues.size(0)}, generator, eigenvalues.options());
  return expand(xi * eigenvalues.sqrt()).to(at::kFloat);
}

MercerNorm MercerNorm::on(const Kernel& kernel, const at::Tensor& coordinates, int64_t terms) {
  TORCH_CHECK(terms > 0 && kernel.name != "white",
              "a spectral norm wants terms, and a kernel whose eigenvalues are summable");
  const c10::InferenceMode no_inference(false);
  const at::NoGradGuard no_gradients;
  MercerNorm norm;
  if (const auto grid = Grid::of(coordinates, kernel.period))
    if (std::all_of(grid->axes.begin(), grid->axes.end(),
                    [](const Axis& axis) { return axis.period > 0; }))
      if (const auto factor = CirculantFactor::on(kernel, *grid); factor && factor->closed()) {
        norm.basis_ = torus_gain(*factor, terms);
        return norm;
      }
  norm.basis_ = KarhunenLoeve::on(kernel, coordinates, terms);
  return norm;
}

at::Tensor MercerNorm::operator()(const at::Tensor& e) const {
  if (const auto* expansion = std::get_if<KarhunenLoeve>(&basis_)) {
    TORCH_CHECK(e.dim() == expansion->weights.dim() + 2, "MercerNorm wants [B, C, n(, m)], not ",
                e.sizes());
    const at::Tensor exact = expansion->coefficients(e.to(at::kDouble));  // [B, C, K]
    return (exact.square() / expansion->eigenvalues).sum({1, 2}).to(e.scalar_type());
  }
  const auto& gain = std::get<at::Tensor>(basis_);
  TORCH_CHECK(e.dim() == gain.dim() + 2, "MercerNorm wants [B, C, n(, m)], not ", e.sizes());
  const auto dims = gain.dim() == 1 ? std::vector<int64_t>{-1} : std::vector<int64_t>{-2, -1};
  const at::Tensor modes = at::view_as_real(at::fft_rfftn(e.to(at::kDouble), std::nullopt, dims));
  return (modes.square().sum(-1) * gain).flatten(1).sum(1).to(e.scalar_type());
}

}  // namespace ornstein
