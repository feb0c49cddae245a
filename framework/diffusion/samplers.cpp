#include "framework/diffusion/samplers.h"

namespace ornstein {
namespace {

// One level of the grid: a number, or numbers [...] that broadcast over a row of the state.
struct Level {
  at::Tensor sigma;   // [] or [...], float64 on the CPU
  bool zero = false;  // all of it
};

std::vector<Level> levels(const at::Tensor& sigmas, const at::Tensor& y) {
  const at::Tensor s = sigmas.to(at::kCPU, at::kDouble);
  TORCH_CHECK((s.dim() == 1 || s.dim() == y.dim()) && s.size(0) >= 2,
              "a sampler wants sigmas [N+1] or [N+1, ...] with the axes of a row, not ", s.sizes());
  TORCH_CHECK(s.diff(1, 0).lt(0).all().item<bool>() && s.ge(0).all().item<bool>(),
              "a sampler's sigmas fall strictly and are not negative");
  std::vector<Level> grid;
  for (int64_t i = 0; i < s.size(0); ++i)
    grid.push_back({s[i], s[i].count_nonzero().item<int64_t>() == 0});
  TORCH_CHECK(grid.back().zero || s.min().item<double>() > 0,
              "a sampler's last level is 0 everywhere or nowhere");
  return grid;
}

// A number stays one, so that its arithmetic with a float32 state is rounded once.
at::Tensor over_rows(const at::Tensor& values, const at::Tensor& y) {
  return values.dim() == 0 ? values : values.unsqueeze(0).to(y.options());
}

at::Tensor denoised(const Denoiser& denoiser, const at::Tensor& y, const Level& level) {
  const at::Tensor sigma = level.sigma.to(y.options());
  if (sigma.dim() == 0) return denoiser(y, sigma.expand({y.size(0)}));
  std::vector<int64_t> shape = sigma.sizes().vec();
  shape.insert(shape.begin(), y.size(0));
  return denoiser(y, sigma.unsqueeze(0).expand(shape));
}

// y' = D + kept (y - D) + noise z from each level to the next: every one-evaluation sampler.
struct Transition {
  at::Tensor kept, noise;  // of the level's shape; noise undefined: none
};

// `draw` returns z, of the state's shape and type.
template <class Draw, class TransitionBetween>
at::Tensor run(const Denoiser& denoiser, at::Tensor y, const at::Tensor& sigmas, const Draw& draw,
               const TransitionBetween& between) {
  const at::NoGradGuard no_gradients;
  const auto grid = levels(sigmas, y);
  for (size_t i = 0; i + 1 < grid.size(); ++i) {
    const at::Tensor x0 = denoised(denoiser, y, grid[i]);
    if (grid[i + 1].zero) return x0;
    const Transition step = between(grid[i].sigma, grid[i + 1].sigma);
    y = x0 + over_rows(step.kept, y) * (y - x0);
    if (step.noise.defined()) y = y + over_rows(step.noise, y) * draw(y);
  }
  return y;
}

}  // namespace

at::Tensor white_noise(const at::Tensor& like, at::Generator& generator) {
  return at::randn(like.sizes(), generator, like.options());
}

at::Tensor sample_ancestral(const Denoiser& denoiser, at::Tensor y, const at::Tensor& sigmas,
                            ReverseVariance variance, at::Generator& generator,
                            const NoiseSource& noise) {
  const auto draw = [&](const at::Tensor& like) { return noise(like, generator); };
  // DDPM's posterior mean and variance, divided by alpha_s and written in sigma = sqrt(1/alpha_bar
  // - 1): beta_t = (sigma^2 - s^2)/(1 + sigma^2), and alpha_s^2 = 1/(1 + s^2).
  return run(denoiser, std::move(y), sigmas, draw,
             [variance](const at::Tensor& sigma, const at::Tensor& s) {
               const at::Tensor from = sigma.square(), to = s.square(), kept = to / from;
               const bool large = variance == ReverseVariance::large;
               const at::Tensor share = large ? (1 + to) / (1 + from) : kept;
               return Transition{kept, ((from - to) * share).sqrt()};
             });
}

at::Tensor sample_ddim(const Denoiser& denoiser, at::Tensor y, const at::Tensor& sigmas, double eta,
                       at::Generator& generator, const NoiseSource& noise) {
  TORCH_CHECK(0 <= eta && eta <= 1, "sample_ddim wants eta in [0, 1], not ", eta);
  const auto draw = [&](const at::Tensor& like) { return noise(like, generator); };
  return run(denoiser, std::move(y), sigmas, draw,
             [eta](const at::Tensor& sigma, const at::Tensor& s) {
               if (eta == 0) return Transition{s / sigma, {}};
               const at::Tensor noise = eta * s * (1 - (s / sigma).square()).sqrt();
               return Transition{(s.square() - noise.square()).sqrt() / sigma, noise};
             });
}

at::Tensor sample_euler(const Denoiser& denoiser, at::Tensor y, const at::Tensor& sigmas) {
  const auto none = [](const at::Tensor& like) { return at::zeros_like(like); };
  return run(denoiser, std::move(y), sigmas, none,
             [](const at::Tensor& sigma, const at::Tensor& s) {
               return Transition{s / sigma, {}};
             });
}

at::Tensor sample_heun(const Denoiser& denoiser, at::Tensor y, const at::Tensor& sigmas) {
  const at::NoGradGuard no_gradients;
  const auto grid = levels(sigmas, y);
  for (size_t i = 0; i + 1 < grid.size(); ++i) {
    const at::Tensor &sigma = grid[i].sigma, &next = grid[i + 1].sigma;
    const at::Tensor slope = (y - denoised(denoiser, y, grid[i])) / over_rows(sigma, y);
    const at::Tensor euler = y + over_rows(next - sigma, y) * slope;
    if (grid[i + 1].zero) return euler;
    const at::Tensor slope_there =
        (euler - denoised(denoiser, euler, grid[i + 1])) / over_rows(next, y);
    y = y + over_rows((next - sigma) / 2, y) * (slope + slope_there);
  }
  return y;
}

}  // namespace ornstein
