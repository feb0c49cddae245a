#include "trainers/first_hitting/poisson_law.h"

namespace ornstein::first_hitting {
namespace {

at::Tensor uniforms(const at::Tensor& like, at::Generator& generator) {
  return at::rand(like.sizes(), generator, like.options());
}

// 1 - cos of the angle, [n]. Nothing is lost at small angles, nor divided by r.
at::Tensor versine_in_space(const at::Tensor& r, at::Generator& generator) {
  const at::Tensor f = uniforms(r, generator), gap = 1 - r;
  const at::Tensor inverse = 1 / (2 * r * f + gap);
  const at::Tensor distance = gap * (1 + r) * inverse;
  return gap * (1 - f) * inverse * (distance + gap);
}

at::Tensor versine(const at::Tensor& r, int64_t d, at::Generator& generator) {
  const auto n = static_cast<double>(d);
  at::Tensor drawn = at::empty_like(r);
  at::Tensor open = at::arange(r.size(0), at::device(r.device()).dtype(at::kLong));
  while (open.numel() > 0) {
    const at::Tensor at_r = r.index_select(0, open), gap = 1 - at_r;
    const at::Tensor noise = at::randn({open.numel(), d}, generator, r.options());
    const at::Tensor first = noise.select(1, 0);
    const at::Tensor rest = noise.narrow(1, 1, d - 1).square().sum(1);
    // Bounds on the densities' ratio: (1 + r)/(1 - r)^(d-1) and (2/(1 + r))^(d-2).
    const at::Tensor from_uniform = (1 + at_r) * gap.pow(1 - n) < (2 / (1 + at_r)).pow(n - 2);
    const at::Tensor square = (gap / (1 + at_r)).square() * rest / first.square();
    const at::Tensor proposed =
        at::where(from_uniform, 1 - first / (first.square() + rest).sqrt(), 2 - 2 / (1 + square));
    const at::Tensor distance = (gap.square() + 2 * at_r * proposed).sqrt();
    const at::Tensor chance =
        at::where(from_uniform, (gap / distance).pow(n), (1 - proposed / 2).pow(n / 2 - 1));
    const at::Tensor taken = ~(uniforms(at_r, generator) >= chance);  // NaN too
    drawn.index_put_({open.masked_select(taken)}, proposed.masked_select(taken));
    open = open.masked_select(~taken);
  }
  return drawn;
}

}  // namespace

PoissonDraw draw_poisson(const at::Tensor& pole, const at::Tensor& r, at::Generator& generator) {
  const int64_t d = pole.size(1);
  const at::Tensor v =
      (d == 3 ? versine_in_space(r, generator) : versine(r, d, generator)).clamp(0, 2).unsqueeze(1);
  at::Tensor across = at::randn(pole.sizes(), generator, pole.options());
  across = across - (across * pole).sum(1, /*keepdim=*/true) * pole;
  return {(1 - v) * pole, (v * (2 - v)).sqrt() * across / across.norm(2, 1, /*keepdim=*/true)};
}

at::Tensor log_poisson(const at::Tensor& z, const at::Tensor& x) {
  const auto d = static_cast<double>(x.size(1));
  return (1 - z.square().sum(1)).log() - d / 2 * (x - z).square().sum(1).log();
}

}  // namespace ornstein::first_hitting
