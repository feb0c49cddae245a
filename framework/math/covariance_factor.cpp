#include "framework/math/covariance_factor.h"

#include "framework/base/errors.h"

namespace ornstein {
namespace {

constexpr double kMostJitter = 1e-6;      // of the variance
constexpr int64_t kMostEnlargement = 64;  // torus points for one of the grid

int64_t product(const std::vector<int64_t>& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>());
}

std::vector<int64_t> last_axes(size_t count) {
  return count == 1 ? std::vector<int64_t>{-1} : std::vector<int64_t>{-2, -1};
}

// f_j = decay_j f_{j-1} + input_j with decay_0 = 0. The odd points obey such a recursion among
// themselves, of half the length; the even ones then follow from their odd neighbours.
at::Tensor recursion(const at::Tensor& decay, const at::Tensor& input) {
  const int64_t n = decay.size(0);
  if (n == 1) return input;
  if (n % 2 == 1)
    return recursion(at::constant_pad_nd(decay, {0, 1}), at::constant_pad_nd(input, {0, 1}))
        .narrow(-1, 0, n);
  const at::Tensor even_decay = decay.slice(0, 0, std::nullopt, 2);
  const at::Tensor odd_decay = decay.slice(0, 1, std::nullopt, 2);
  const at::Tensor even_input = input.slice(-1, 0, std::nullopt, 2);
  const at::Tensor odd_input = input.slice(-1, 1, std::nullopt, 2);
  const at::Tensor odd = recursion(odd_decay * even_decay, odd_input + odd_decay * even_input);
  const at::Tensor before = at::constant_pad_nd(odd.narrow(-1, 0, n / 2 - 1), {1, 0});
  return at::stack({even_input + even_decay * before, odd}, -1).flatten(-2);
}

struct Torus {
  std::vector<int64_t> points;
  std::vector<double> spacing;
  std::vector<bool> grows;  // not along periodic axes, which are their own
};

// Room for every lag of the grid twice. Float32 coordinates know their spacing to 1e-7 of their
// range only, so a period holds a whole number of spacings if nearly.
std::optional<Torus> smallest_torus(const Grid& grid) {
  Torus torus;
  for (const Axis& axis : grid.axes) {
    const int64_t n = axis.points.size(0);
    const auto spacing = axis.spacing();
    if (!spacing) return std::nullopt;
    const double turn = n == 1 ? 1 : axis.period / *spacing;
    int64_t size = 1;
    while (size < 2 * (n - 1)) size *= 2;
    if (axis.period > 0) size = std::llround(turn);
    if (axis.period > 0 && (size < n || std::abs(turn - static_cast<double>(size)) > 0.05))
      return std::nullopt;
    torus.points.push_back(size);
    torus.spacing.push_back(axis.period > 0 ? axis.period / static_cast<double>(size) : *spacing);
    torus.grows.push_back(axis.period == 0 && n > 1);
  }
  return torus;
}

// Lags from the first point, [M] or [M, 1] and [M'], which go up and come back.
std::vector<at::Tensor> torus_lags(const Torus& torus, const at::TensorOptions& options) {
  std::vector<at::Tensor> lags;
  for (size_t axis = 0; axis < torus.points.size(); ++axis) {
    const at::Tensor step = at::arange(torus.points[axis], options);
    lags.push_back(at::minimum(step, torus.points[axis] - step) * torus.spacing[axis]);
  }
  if (lags.size() == 2) lags[0] = lags[0].unsqueeze(1);
  return lags;
}

// Sizes 2^k and 3 2^k in turn: fast for an FFT, and near each other.
int64_t next_size(int64_t size) { return size % 3 == 0 ? size / 3 * 4 : size / 2 * 3; }

}  // namespace

MarkovFactor MarkovFactor::on(const Kernel& kernel, const Axis& line) {
  TORCH_CHECK(is_exponential(kernel) && line.period == 0,
              "only the exponential kernel on a line that is not periodic is Markov");
  const at::Tensor first = at::zeros({1}, line.points.options());
  const at::Tensor steps = line.gaps() / kernel.length;
  return {at::cat({first, (-steps).exp()}),
          at::cat({first + 1, (-(-2 * steps).expm1()).sqrt()}) * std::sqrt(kernel.variance)};
}

at::Tensor MarkovFactor::colour(const at::Tensor& z) const {
  return recursion(decay.to(z.options()), z * innovation.to(z.options()));
}

at::Tensor MarkovFactor::whiten(const at::Tensor& f) const {
  const at::Tensor before = at::constant_pad_nd(f.slice(-1, 0, -1), {1, 0});
  return (f - decay.to(f.options()) * before) / innovation.to(f.options());
}

CholeskyFactor CholeskyFactor::on(const Kernel& kernel, const at::Tensor& coordinates) {
  const at::Tensor x = coordinates.flatten(0, -2).to(at::kDouble);  // [N, d_x]
  const auto shape = coordinates.sizes().slice(0, coordinates.dim() - 1);
  if (x.size(0) > kMostDensePoints)
    throw ConfigError(fmt::format(
        "kernel {} on {} points (no fast factor of its covariance fits this grid, a dense one "
        "holds "
        "at most {}) take a coarser or a regular periodic grid, or a loss without the inverse",
        kernel.name, x.size(0), kMostDensePoints));
  const at::Tensor matrix = covariance_matrix(kernel, x, x);
  const double variance = matrix[0][0].item<double>();
  const at::Tensor diagonal = matrix.diagonal().clone();
  for (double jitter = kJitter; jitter <= kMostJitter; jitter *= 10) {
    matrix.diagonal().copy_(diagonal + jitter * variance);
    auto [lower, info] = at::linalg_cholesky_ex(matrix);
    if (info.item<int>() == 0) return {lower, shape.vec(), jitter * variance};
  }
  TORCH_CHECK(false, "no Cholesky factor of kernel ", kernel.name, " on ", x.size(0), " points");
}

at::Tensor CholeskyFactor::colour(const at::Tensor& z) const {
  const at::Tensor rows = z.flatten(z.dim() - static_cast<int64_t>(points.size()));
  return rows.matmul(lower.to(z.options()).mT()).view_as(z);
}

at::Tensor CholeskyFactor::whiten(const at::Tensor& f) const {
  const at::Tensor rows =
      f.flatten(f.dim() - static_cast<int64_t>(points.size())).reshape({-1, lower.size(0)});
  return at::linalg_solve_triangular(lower.to(f.options()).mT(), rows, /*upper=*/true,
                                     /*left=*/false)
      .view_as(f);
}

std::optional<CirculantFactor> CirculantFactor::on(const Kernel& kernel, const Grid& grid) {
  auto torus = smallest_torus(grid);
  if (!torus) return std::nullopt;
  CirculantFactor factor;
  for (const Axis& axis : grid.axes) factor.points.push_back(axis.points.size(0));
  const auto dims = last_axes(grid.axes.size());
  for (;;) {
    const at::Tensor along = covariance(kernel, torus_lags(*torus, grid.axes[0].points.options()));
    factor.jitter = kJitter * along.flatten()[0].item<double>();
    factor.eigenvalues = at::real(at::fft_rfftn(along, std::nullopt, dims)).contiguous();
    if (factor.eigenvalues.min().item<double>() >= -factor.jitter) break;
    const int64_t before = product(torus->points);
    for (size_t axis = 0; axis < dims.size(); ++axis)
      if (torus->grows[axis]) torus->points[axis] = next_size(torus->points[axis]);
    const int64_t after = product(torus->points);
    if (after == before || after > kMostEnlargement * product(factor.points)) return std::nullopt;
  }
  factor.torus = torus->points;
  factor.eigenvalues = factor.eigenvalues + factor.jitter;
  return factor;
}

at::Tensor CirculantFactor::filtered(const at::Tensor& x, const at::Tensor& gain) const {
  const auto dims = last_axes(torus.size());
  const at::Tensor modes = at::fft_rfftn(x, std::nullopt, dims) * gain.to(x.options());
  return at::fft_irfftn(modes, torus, dims);
}

at::Tensor CirculantFactor::colour(const at::Tensor& z) const {
  at::Tensor f = filtered(z, eigenvalues.sqrt());
  for (size_t axis = 0; axis < points.size(); ++axis)
    f = f.narrow(last_axes(points.size())[axis], 0, points[axis]);
  return f;
}

at::Tensor CirculantFactor::whiten(const at::Tensor& f) const {
  TORCH_CHECK(closed(), "a grid that is a part of its torus has no factor there to whiten with");
  return filtered(f, eigenvalues.rsqrt());
}

}  // namespace ornstein
