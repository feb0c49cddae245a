#include "tests/support/gaussian_field.h"

#include "framework/math/wavelet.h"
#include "tests/support/linear_recursion.h"

namespace ornstein {
namespace {

constexpr auto kComplex = at::kComplexDouble;

// [L, L] over the fine grid -> [n, 4]: the four fine frequencies k_p that alias to one coarse q.
at::Tensor by_coarse_frequency(const at::Tensor& fine) {
  const int64_t half = fine.size(0) / 2;
  return fine.reshape({2, half, 2, half}).permute({1, 3, 0, 2}).reshape({half * half, 4});
}

// G [n, p, band], from what the transform under test does to the four unit images of 2 x 2.
at::Tensor band_filters(int64_t size) {
  const auto bands = wavelet_forward(haar(), at::eye(4, at::kDouble).reshape({4, 1, 2, 2}));
  const at::Tensor taps = at::cat({bands.low, bands.details}, 1).reshape({4, 4});  // [m, band]
  const at::Tensor angle = at::arange(size, at::kDouble) * (2 * M_PI / size);
  std::vector<at::Tensor> of_band(4);
  for (int64_t band = 0; band < 4; ++band) {
    at::Tensor sum = at::zeros({size, size}, kComplex);
    for (int64_t m = 0; m < 4; ++m) {
      const at::Tensor phase = (m / 2) * angle.unsqueeze(1) + (m % 2) * angle.unsqueeze(0);
      sum = sum + taps[m][band] * at::polar(at::ones_like(phase), phase);
    }
    of_band[band] = by_coarse_frequency(sum);
  }
  return at::stack(of_band, 2);
}

at::Tensor spectrum(const at::Tensor& x) { return at::fft_fft2(x).flatten(2); }  // [B, C, n]

at::Tensor field_of(const at::Tensor& spectrum, const at::Tensor& like) {
  return at::real(at::fft_ifft2(spectrum.reshape(like.sizes()))).to(like.scalar_type());
}

}  // namespace

at::Tensor power_law(int64_t size, double eta) {
  const at::Tensor k = at::fft_fftfreq(size, 1.0 / size, at::kDouble) * (2 * M_PI / size);
  const at::Tensor length = (k.square().unsqueeze(1) + k.square().unsqueeze(0)).sqrt();
  const at::Tensor power = 1 / (std::pow(2 * M_PI / size, eta) + length.pow(eta));
  return power / power.mean();
}

HaarLevel haar_level(const at::Tensor& power) {
  const int64_t half = power.size(0) / 2;
  HaarLevel level;
  level.filters = band_filters(power.size(0));
  const at::Tensor weighted = level.filters * by_coarse_frequency(power).unsqueeze(2) / 4;
  const at::Tensor bands = weighted.transpose(1, 2).matmul(level.filters.conj());  // S [n, 4, 4]
  const at::Tensor variances = at::real(bands.diagonal(0, 1, 2));
  level.low_power = variances.select(1, 0).reshape({half, half});
  level.deviations = variances.mean(0).sqrt();
  const at::Tensor unit = bands / (level.deviations.unsqueeze(0) * level.deviations.unsqueeze(1));
  level.regression = unit.slice(1, 1).select(2, 0) / unit.select(1, 0).narrow(1, 0, 1);
  const at::Tensor given_low =
      unit.slice(1, 1).slice(2, 1) -
      level.regression.unsqueeze(2) * unit.select(1, 0).slice(1, 1).unsqueeze(1);
  std::tie(level.eigenvalues, level.eigenvectors) = at::linalg_eigh(given_low);
  return level;
}

Modes plain_modes(const at::Tensor& power) {
  const auto [lambda, inverse, count] = at::_unique2(power.flatten(), true, false, true);
  return {lambda, at::zeros_like(lambda), count.to(at::kDouble)};
}

Modes wavelet_modes(const at::Tensor& power) {
  std::vector<at::Tensor> lambda, mean_square;
  at::Tensor low = power;
  while (low.size(0) > 2) {
    const HaarLevel level = haar_level(low);
    low = level.low_power;
    const at::Tensor unit_low = (low / level.deviations[0].square()).flatten();
    const at::Tensor slopes =
        level.eigenvectors.mH().matmul(level.regression.unsqueeze(2)).squeeze(2);
    lambda.push_back(level.eigenvalues.flatten());
    mean_square.push_back((slopes.abs().square() * unit_low.unsqueeze(1)).flatten());
  }
  lambda.push_back((low / low.mean()).flatten());
  mean_square.push_back(at::zeros_like(lambda.back()));
  const at::Tensor all = at::cat(lambda);
  return {all, at::cat(mean_square), at::ones_like(all)};
}

double divergence_per_dimension(const Modes& modes, int64_t steps) {
  const AffineLaw law = reverse_euler_maruyama(modes.lambda, steps);
  const at::Tensor ratio = modes.lambda / law.variance;
  const at::Tensor shift = (1 - law.gain).square() * modes.mean_square / law.variance;
  const at::Tensor divergence = (ratio - 1 - ratio.log() + shift) / 2;
  return ((divergence * modes.count).sum() / modes.count.sum()).item<double>();
}

Denoiser field_denoiser(const at::Tensor& power) {
  return [power](const at::Tensor& y, const at::Tensor& sigma) {
    const at::Tensor noise = per_row(sigma, y).square();
    return field_of(at::fft_fft2(y) * (power / (power + noise)), y);
  };
}

Denoiser detail_denoiser(const HaarLevel& level, const at::Tensor& low) {
  const at::Tensor mean = spectrum(low) * level.regression.t();  // [B, 3, n]
  return [level, mean](const at::Tensor& y, const at::Tensor& sigma) {
    const at::Tensor centred = (spectrum(y) - mean).permute({2, 1, 0});  // [n, 3, B]
    const at::Tensor lambda = level.eigenvalues.unsqueeze(2);
    const at::Tensor shrunk =
        level.eigenvectors.mH().matmul(centred) * (lambda / (lambda + sigma.square()));
    return field_of(mean + level.eigenvectors.matmul(shrunk).permute({2, 1, 0}), y);
  };
}

}  // namespace ornstein
