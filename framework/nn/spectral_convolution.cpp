#include "framework/nn/spectral_convolution.h"

#include "framework/base/errors.h"

namespace ornstein {
namespace {

// cos and sin of 2 pi k j step, [frequencies, n]. The phase is taken modulo one turn in integers or
// float64, since k j grows far beyond what float32 holds.
std::pair<at::Tensor, at::Tensor> waves(int64_t first, int64_t last, const RegularAxis& axis,
                                        at::ScalarType type) {
  const at::Tensor products =
      at::outer(at::arange(first, last + 1, at::kLong), at::arange(axis.points, at::kLong));
  const at::Tensor turns = axis.circle
                               ? at::remainder(products, axis.points).to(at::kDouble) * axis.step
                               : at::frac(products.to(at::kDouble) * axis.step);
  const at::Tensor angles = (2 * M_PI * turns).to(type);
  return {angles.cos(), angles.sin()};
}

}  // namespace

double period_of(const DomainAxis& axis, double padding) {
  return axis.period > 0 ? axis.period : (1 + padding) * axis.length();
}

RegularAxis regular_axis(const at::Tensor& x, const DomainAxis& axis, double padding) {
  const int64_t n = x.size(0);
  TORCH_CHECK(n >= 2, "a grid needs two points at least");
  const double first = x[0].item<double>(), last = x[n - 1].item<double>();
  const double spacing = (last - first) / (n - 1), h = std::abs(spacing), rounding = rounding_of(x);
  const at::Tensor off = (x - first - spacing * at::arange(n, x.options())).abs();
  if (!(h > 0) || !(off.max().item<double>() <= 1e-3 * h + rounding))
    throw ConfigError(fmt::format(
        "coordinates are not regular (point {} is off by {:.3g} of a spacing, and the Fourier "
        "operator needs equal ones) choose network.name point_attention",
        off.argmax().item<int64_t>(), off.max().item<double>() / h));

  if (axis.period > 0) {
    const double covered = n * h;
    if (std::abs(covered - axis.period) > 1e-2 * h + rounding) {
      const bool again = std::abs(covered - h - axis.period) <= 1e-2 * h + rounding;
      throw ConfigError(fmt::format(
          "{} points of spacing {:.6g} do not cover the period {:.6g} once ({}) use points x_0 + j "
          "{:.6g} / n, j = 0..n-1",
          n, h, axis.period,
          again ? "the last one is the first again" : "the Fourier operator needs that",
          axis.period));
    }
    return {n, std::copysign(1.0 / n, spacing), true, at::full({n}, 1.0 / n, x.options())};
  }

  const double period = period_of(axis, padding);
  const double beyond =
      std::max(axis.begin - std::min(first, last), std::max(first, last) - axis.end);
  if (beyond > (period - axis.length()) / 2 + rounding)
    throw ConfigError(
        fmt::format("coordinates leave the domain [{:.6g}, {:.6g}] by {:.3g} (more than half of "
                    "network.padding) use points inside",
                    axis.begin, axis.end, beyond));
  return {n, spacing / period, false, cell_lengths(x, axis) / period};
}

FourierBasis fourier_basis(const std::vector<RegularAxis>& axes, const std::vector<int64_t>& modes,
                           const at::TensorOptions& options) {
  TORCH_CHECK(axes.size() == modes.size(), "modes of ", modes.size(), " axes on a grid of ",
              axes.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    const double limit = 0.5 / std::abs(axes[i].step);
    if (!resolves(limit, modes[i]))
      throw ConfigError(fmt::format(
          "network.modes of axis {} is {} (a grid of {} points resolves frequencies below {:.6g}) "
          "use a finer grid, or train with fewer modes",
          i, modes[i], axes[i].points, limit));
  }
  const at::ScalarType type = options.dtype().toScalarType();
  const at::Device device = options.device();

  const auto [cosine, sine] = waves(0, modes[0], axes[0], type);
  at::Tensor pairs = at::full({modes[0] + 1, 1}, 2, cosine.options());  // of k and -k
  pairs[0] = 1;
  FourierBasis basis;
  basis.analysis = (at::cat({cosine, -sine}) * axes[0].weights.to(type)).to(device);
  basis.synthesis = at::cat({pairs * cosine, -pairs * sine}).t().contiguous().to(device);
  if (axes.size() == 1) return basis;

  const auto [cosine_1, sine_1] = waves(-modes[1], modes[1], axes[1], type);
  const at::Tensor weights = axes[1].weights.to(type);
  basis.analysis_1 = at::complex(cosine_1 * weights, -sine_1 * weights).to(device);
  basis.synthesis_1 = at::complex(cosine_1, sine_1).t().contiguous().to(device);
  return basis;
}

SpectralConvolution::SpectralConvolution(int64_t in_channels, int64_t out_channels,
                                         const std::vector<int64_t>& modes) {
  std::vector<int64_t> sizes = {modes[0] + 1};
  if (modes.size() > 1) sizes.push_back(2 * modes[1] + 1);
  sizes.insert(sizes.end(), {in_channels, out_channels, 2});
  const double deviation = 1 / std::sqrt(2.0 * static_cast<double>(in_channels));  // keeps |v_k|
  weight_ = register_parameter("weight", deviation * at::randn(sizes));
}

at::Tensor SpectralConvolution::forward(const at::Tensor& v, const at::Tensor& bypass,
                                        const FourierBasis& basis) {
  const int64_t rows = v.size(0), channels = v.size(-1);
  const auto for_rows = [&](const at::Tensor& a) { return a.unsqueeze(0).expand({rows, -1, -1}); };
  const at::Tensor parts = at::bmm(for_rows(basis.analysis), v.flatten(2))  // [B, 2 K, (m) in]
                               .to(weight_.scalar_type())                   // from bfloat16
                               .unflatten(1, {2, -1});
  at::Tensor c = at::complex(parts.select(1, 0), parts.select(1, 1));
  if (basis.analysis_1.defined())
    c = at::matmul(basis.analysis_1, c.unflatten(2, {-1, channels})).flatten(1, 2);
  const at::Tensor r = at::view_as_complex(weight_).flatten(0, -3);  // [frequencies, in, out]
  c = at::bmm(c.transpose(0, 1), r).transpose(0, 1);                 // [B, frequencies, out]
  if (basis.synthesis_1.defined())
    c = at::matmul(basis.synthesis_1, c.unflatten(1, {-1, basis.synthesis_1.size(1)})).flatten(2);
  const at::Tensor mixed = at::view_as_real(c).movedim(-1, 1).flatten(1, 2);  // [B, 2 K, (m) out]
  return at::baddbmm(bypass.flatten(2), for_rows(basis.synthesis), mixed).view(bypass.sizes());
}

}  // namespace ornstein
