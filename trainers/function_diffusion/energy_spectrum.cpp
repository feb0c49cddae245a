#include "trainers/function_diffusion/energy_spectrum.h"

#include "trainers/function_diffusion/jackknife.h"

namespace ornstein::function_diffusion {
namespace {

double side(const Axis& axis) {
  return axis.period > 0 ? axis.period : (axis.points[-1] - axis.points[0]).abs().item<double>();
}

// What sums over an axis to coefficients of the frequencies first..last: [frequencies, n] complex.
at::Tensor waves(const Axis& axis, int64_t first, int64_t last) {
  const at::Tensor k = at::arange(first, last + 1, axis.points.options());
  const at::Tensor angles = at::outer(k, (axis.points - axis.points[0]) * (-2 * M_PI / side(axis)));
  const at::Tensor weights = axis.weights();
  const at::Tensor shares = weights / weights.sum();
  return at::complex(angles.cos() * shares, angles.sin() * shares);
}

// Energies [N, C, K_0 + 1] or [N, C, K_0 + 1, 2 K_1 + 1] of frequencies k_0 >= 0 (and all k_1).
at::Tensor energies(const at::Tensor& x, const Grid& grid, const std::vector<int64_t>& band) {
  const at::Tensor f = x.to(at::kDouble).to(at::kComplexDouble);
  const at::Tensor along_0 = waves(grid.axes[0], 0, band[0]);
  at::Tensor coefficients;
  if (grid.axes.size() == 1)
    coefficients = f.matmul(along_0.t());
  else
    coefficients = along_0.matmul(f).matmul(waves(grid.axes[1], -band[1], band[1]).t());
  at::Tensor energy = at::view_as_real(coefficients).square().sum(-1);
  energy.slice(2, 1).mul_(2);  // of -k_0
  return energy;
}

// [N, C, frequencies]: on a line as they are, in the plane by rings.
at::Tensor by_frequency(const at::Tensor& energy, const std::vector<int64_t>& band) {
  if (band.size() == 1) return energy;
  const auto options = energy.options();
  const at::Tensor ring = at::hypot(at::arange(0, band[0] + 1, options).unsqueeze(1),
                                    at::arange(-band[1], band[1] + 1, options))
                              .round()
                              .to(at::kLong)
                              .flatten();
  const at::Tensor sums =
      at::zeros({energy.size(0), energy.size(1), ring.max().item<int64_t>() + 1}, options);
  return sums.index_add(2, ring, energy.flatten(2)).narrow(2, 0, std::min(band[0], band[1]) + 1);
}

}  // namespace

std::vector<int64_t> resolved_band(const Grid& grid, const std::vector<double>& spacing) {
  std::vector<int64_t> band;
  for (size_t axis = 0; axis < grid.axes.size(); ++axis) {
    const double nyquist = side(grid.axes[axis]) / (2 * spacing[axis]);
    band.push_back(std::max<int64_t>(0, std::llround(std::ceil(nyquist * (1 - 1e-6))) - 1));
  }
  return band;
}

Figure spectrum_error(const at::Tensor& samples, const at::Tensor& data, const Grid& grid,
                      const std::vector<int64_t>& band) {
  const at::Tensor own = by_frequency(energies(samples, grid, band), band);
  const at::Tensor truth = by_frequency(energies(data, grid, band), band).mean(0);
  const at::Tensor rounding = 1e-12 * truth.sum(1, /*keepdim=*/true);  // of float32 values
  const auto error = [&](const at::Tensor& mean) {  // [..., C, frequencies] -> [...]
    return ((mean + rounding) / (truth + rounding)).log().square().mean({-2, -1}).sqrt();
  };
  const auto rows = static_cast<double>(own.size(0));
  const at::Tensor left_out = (own.sum(0) - own) / (rows - 1);
  return jackknife_figure("spectrum_error", error(own.mean(0)).item<double>(), error(left_out),
                          "log energy");
}

Figure energy_outside(const at::Tensor& samples, const Grid& grid,
                      const std::vector<int64_t>& band) {
  const at::Tensor weights = grid.weights();
  const at::Tensor whole =
      (samples.to(at::kDouble).square() * (weights / weights.sum())).flatten(1).sum(1);
  const at::Tensor inside = energies(samples, grid, band).flatten(1).sum(1);  // [N]
  const double value = 1 - inside.sum().item<double>() / whole.sum().item<double>();
  const at::Tensor left_out = 1 - (inside.sum() - inside) / (whole.sum() - whole);
  return jackknife_figure("energy_outside", value, left_out, "of all");
}

}  // namespace ornstein::function_diffusion
