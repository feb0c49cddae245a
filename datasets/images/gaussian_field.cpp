#include "datasets/images/gaussian_field.h"

#include <numbers>

#include "framework/base/random.h"

namespace ornstein::images {
namespace {

using std::numbers::pi;

constexpr int64_t kRowsAtATime = 256;

}  // namespace

at::Tensor power_law(int64_t size, double eta) {
  const double k0 = 2 * pi / static_cast<double>(size);
  const at::Tensor k = at::fft_fftfreq(size, 1.0 / static_cast<double>(size), at::kDouble) * k0;
  const at::Tensor length = (k.square().unsqueeze(1) + k.square().unsqueeze(0)).sqrt();
  const at::Tensor power = 1 / (std::pow(k0, eta) + length.pow(eta));
  return power / power.mean();
}

at::Tensor sample_gaussian_field(int64_t rows, const at::Tensor& power) {
  const int64_t size = power.size(0);
  const at::Tensor root = power.sqrt();
  const at::Tensor fields = at::empty({rows, 1, size, size});
  auto generator = make_generator(0);
  for (int64_t row = 0; row < rows; ++row) {
    seed_generator(generator, random_key(Stream::kTwin, {0, static_cast<uint64_t>(row)}));
    const at::Tensor white = at::randn({size, size}, generator, at::kDouble);
    fields[row][0].copy_(at::real(at::fft_ifft2(at::fft_fft2(white) * root)));
  }
  return fields;
}

at::Tensor gaussian_field_log_density(const at::Tensor& x, const at::Tensor& power) {
  const auto pixels = static_cast<double>(power.numel());
  const double log_normaliser =
      0.5 * (pixels * std::log(2 * pi) + power.log().sum().item<double>());
  std::vector<at::Tensor> parts;
  for (const at::Tensor& rows : x.split(kRowsAtATime)) {
    const at::Tensor energy = at::fft_fft2(rows.squeeze(1).to(at::kDouble)).abs().square();
    parts.push_back((energy / power).sum({1, 2}) * (-0.5 / pixels) - log_normaliser);
  }
  return at::cat(parts);
}

}  // namespace ornstein::images
