#include "trainers/function_diffusion/curve_errors.h"

#include "trainers/function_diffusion/jackknife.h"

namespace ornstein::function_diffusion {
namespace {

// Curves of all rows, [1, C, points or lags], and of all but row i, [N, C, ...]; float64.
struct Curve {
  at::Tensor whole, left_out;
};

// a/b, 0 where b is no more than rounding: a point at which all rows are equal has no shape.
at::Tensor ratio(const at::Tensor& a, const at::Tensor& b, const at::Tensor& scale) {
  return at::where(b > 1e-12 * scale, a / b, 0.0);
}

struct Pointwise {
  at::Tensor mean, variance, skewness, kurtosis;
};

// From the sums over `rows` rows of (x - mean)^p, p = 1..4; `scale` is a variance that is not
// small.
Pointwise from_sums(const std::array<at::Tensor, 4>& sums, double rows, const at::Tensor& mean,
                    const at::Tensor& scale) {
  const at::Tensor r1 = sums[0] / rows, r2 = sums[1] / rows, r3 = sums[2] / rows,
                   r4 = sums[3] / rows;
  const at::Tensor c2 = r2 - r1.square();
  const at::Tensor c3 = r3 - 3 * r1 * r2 + 2 * r1.pow(3);
  const at::Tensor c4 = r4 - 4 * r1 * r3 + 6 * r1.square() * r2 - 3 * r1.pow(4);
  return {mean + r1, c2, ratio(c3, c2.clamp_min(0).pow(1.5), scale.pow(1.5)),
          ratio(c4, c2.square(), scale.square()) - 3};
}

struct PointwiseCurves {
  Pointwise whole, left_out;  // left_out only where asked for: it is as large as x
};

// x [N, C, ...] float64.
PointwiseCurves pointwise(const at::Tensor& x, bool with_left_out) {
  const at::Tensor mean = x.mean(0, /*keepdim=*/true), d = x - mean;
  const at::Tensor scale = mean.square() + d.square().mean();
  std::array<at::Tensor, 4> sums, left;
  for (int64_t p = 0; p < 4; ++p) {
    const at::Tensor powers = d.pow(p + 1);
    sums[p] = powers.sum(0, /*keepdim=*/true);
    if (with_left_out) left[p] = sums[p] - powers;
  }
  const auto rows = static_cast<double>(x.size(0));
  PointwiseCurves curves;
  curves.whole = from_sums(sums, rows, mean, scale);
  if (with_left_out) curves.left_out = from_sums(left, rows - 1, mean, scale);
  return curves;
}

// Row i's share of the covariance at each lag, [N, C, lags]: mean over points of d(x) d(x + lag).
at::Tensor lagged_products(const at::Tensor& d, int64_t dim, bool periodic) {
  const int64_t n = d.size(dim);
  std::vector<at::Tensor> products;
  for (int64_t lag = 0; lag <= n / 2; ++lag) {
    const at::Tensor product =
        periodic ? d * d.roll(-lag, dim) : d.narrow(dim, 0, n - lag) * d.narrow(dim, lag, n - lag);
    products.push_back(product.flatten(2).mean(2));
  }
  return at::stack(products, 2);
}

Curve autocorrelation(const at::Tensor& x, const Grid& grid) {
  const auto rows = static_cast<double>(x.size(0));
  const at::Tensor d = x - x.mean(0, /*keepdim=*/true);
  std::vector<at::Tensor> whole, left_out;
  for (size_t axis = 0; axis < grid.axes.size(); ++axis) {
    const at::Tensor own =
        lagged_products(d, static_cast<int64_t>(axis) + 2, grid.axes[axis].period > 0);
    const at::Tensor all = own.sum(0, /*keepdim=*/true);
    const auto normalised = [](const at::Tensor& covariance) {
      const at::Tensor variance = covariance.narrow(2, 0, 1);
      return ratio(covariance.slice(2, 1), variance, variance.abs().max());
    };
    whole.push_back(normalised(all));
    left_out.push_back(normalised(all - own * (rows / (rows - 1))));  // the mean moves as well
  }
  return {at::cat(whole, 2), at::cat(left_out, 2)};
}

// Mean squares of curve - truth [1, C, ...], `shares` of each point adding up to 1.
Figure error_of(const std::string& name, const Curve& curve, const at::Tensor& truth,
                const at::Tensor& shares, const std::string& unit) {
  const auto mean_squares = [&](const at::Tensor& c) {
    return ((c - truth).square() * shares).flatten(2).sum(2).mean(1);
  };
  return jackknife_figure(name, mean_squares(curve.whole).item<double>(),
                          mean_squares(curve.left_out), unit);
}

}  // namespace

std::vector<Figure> curve_errors(const at::Tensor& samples, const at::Tensor& data,
                                 const Grid& grid) {
  TORCH_CHECK(samples.size(0) >= 2 && data.size(0) >= 2 &&
                  samples.sizes().slice(1) == data.sizes().slice(1),
              "curves of ", samples.sizes(), " and ", data.sizes(), " cannot be compared");
  const at::Tensor x = samples.to(at::kDouble), y = data.to(at::kDouble);
  const PointwiseCurves own = pointwise(x, true);
  const Pointwise truth = pointwise(y, false).whole;
  const at::Tensor weights = grid.weights(), shares = weights / weights.sum();
  const auto error = [&](const char* name, at::Tensor Pointwise::*curve, const char* unit) {
    return error_of(name, {own.whole.*curve, own.left_out.*curve}, truth.*curve, shares, unit);
  };
  const Curve correlation = autocorrelation(x, grid);
  const at::Tensor lags =
      at::full({}, 1 / static_cast<double>(correlation.whole.size(2)), at::kDouble);
  return {error("mean_error", &Pointwise::mean, "unit^2"),
          error("variance_error", &Pointwise::variance, "unit^4"),
          error_of("autocorrelation_error", correlation, autocorrelation(y, grid).whole, lags, ""),
          error("skewness_error", &Pointwise::skewness, ""),
          error("kurtosis_error", &Pointwise::kurtosis, "")};
}

}  // namespace ornstein::function_diffusion
