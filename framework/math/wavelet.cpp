#include "framework/math/wavelet.h"

namespace ornstein {
namespace {

struct Pair {
  at::Tensor low, high;
};

std::vector<double> quadrature_mirror(const std::vector<double>& h) {
  std::vector<double> g(h.rbegin(), h.rend());
  for (size_t k = 1; k < g.size(); k += 2) g[k] = -g[k];
  return g;
}

at::Tensor shifted(const at::Tensor& x, int64_t shift, int64_t dim) {
  return shift == 0 ? x : x.roll(shift, dim);
}

// Tap k of x_{2n+k} reads every second sample: even ones for even k, odd ones for odd k.
Pair analyse(const Wavelet& wavelet, const at::Tensor& x, int64_t dim) {
  const auto& h = wavelet.low_pass;
  const auto g = quadrature_mirror(h);
  const at::Tensor half[2] = {x.slice(dim, 0, std::nullopt, 2), x.slice(dim, 1, std::nullopt, 2)};
  Pair bands{half[0] * h[0], half[0] * g[0]};
  for (size_t k = 1; k < h.size(); ++k) {
    const at::Tensor tap = shifted(half[k % 2], -static_cast<int64_t>(k / 2), dim);
    bands.low = bands.low.add(tap, h[k]);
    bands.high = bands.high.add(tap, g[k]);
  }
  return bands;
}

// The transpose of analyse.
at::Tensor synthesise(const Wavelet& wavelet, const Pair& bands, int64_t dim) {
  const auto& h = wavelet.low_pass;
  const auto g = quadrature_mirror(h);
  at::Tensor half[2];
  for (size_t k = 0; k < h.size(); ++k) {
    const at::Tensor tap =
        shifted((bands.low * h[k]).add(bands.high, g[k]), static_cast<int64_t>(k / 2), dim);
    half[k % 2] = k < 2 ? tap : half[k % 2] + tap;
  }
  return at::stack({half[0], half[1]}, dim + 1).flatten(dim, dim + 1);
}

}  // namespace

Wavelet haar() { return {{M_SQRT1_2, M_SQRT1_2}}; }

// The orthogonality and moment equations solved to full double precision: the table usually copied
// is wrong from the twelfth digit.
Wavelet db4() {
  return {{0.2303778133088965, 0.7148465705529157, 0.6308807679298589, -0.027983769416859854,
           -0.18703481171909309, 0.030841381835560764, 0.0328830116668852, -0.010597401785069032}};
}

WaveletBands wavelet_forward(const Wavelet& wavelet, const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 4 && x.size(2) % 2 == 0 && x.size(3) % 2 == 0,
              "wavelet_forward wants [B, C, H, W] of even size, not ", x.sizes());
  const Pair rows = analyse(wavelet, x, 2);
  const Pair low = analyse(wavelet, rows.low, 3), high = analyse(wavelet, rows.high, 3);
  return {low.low, at::stack({high.low, low.high, high.high}, 2).flatten(1, 2)};
}

at::Tensor wavelet_inverse(const Wavelet& wavelet, const WaveletBands& bands) {
  TORCH_CHECK(bands.low.dim() == 4 && bands.details.dim() == 4 &&
                  bands.details.size(1) == 3 * bands.low.size(1) &&
                  bands.details.size(2) == bands.low.size(2) &&
                  bands.details.size(3) == bands.low.size(3),
              "wavelet_inverse wants low [B, C, h, w] and details [B, 3C, h, w], not ",
              bands.low.sizes(), " and ", bands.details.sizes());
  const auto detail = bands.details.unflatten(1, {bands.low.size(1), 3}).unbind(2);
  const at::Tensor low = synthesise(wavelet, {bands.low, detail[1]}, 3);
  const at::Tensor high = synthesise(wavelet, {detail[0], detail[2]}, 3);
  return synthesise(wavelet, {low, high}, 2);
}

}  // namespace ornstein
