#include "trainers/multiscale/multiscale_process.h"

#include "framework/diffusion/noise_levels.h"
#include "trainers/multiscale/haar_blocks.h"

namespace ornstein::multiscale {
namespace {

constexpr double kSmallestTime = 1e-3;

}  // namespace

MultiscaleProcess::MultiscaleProcess(int64_t scales, int64_t channels, int64_t height,
                                     int64_t width)
    : channels_(channels),
      height_(height),
      width_(width),
      deviations_(at::ones({scales}, at::kDouble)) {
  for (int64_t k = 1; k <= scales; ++k)
    clocks_.push_back(log_snr_path(kLogSnr, -kLogSnr, kSmallestTime,
                                   static_cast<double>(k) / static_cast<double>(scales)));
}

std::vector<int64_t> MultiscaleProcess::shape(int64_t k) const {
  return {channels_, height_ >> (k - 1), width_ >> (k - 1)};
}

double MultiscaleProcess::begin(int64_t k) const {
  return k == 1 ? kSmallestTime : end_time(k - 1);
}

double MultiscaleProcess::log_snr_rate(int64_t k) const {
  return 2 * kLogSnr / (end_time(k) - kSmallestTime);
}

at::Tensor MultiscaleProcess::state_of(int64_t k, const at::Tensor& x) const {
  at::Tensor blocks = to_blocks(x, scales() - 1);
  const auto size = shape(k);
  blocks = blocks.narrow(2, 0, size[1]).narrow(3, 0, size[2]);
  return blocks / spread(k, deviations_.slice(0, k - 1)).to(x.scalar_type());
}

at::Tensor MultiscaleProcess::image_of(int64_t k, const at::Tensor& state) const {
  const at::Tensor blocks = state * spread(k, deviations_.slice(0, k - 1)).to(state.scalar_type());
  return to_image(blocks, levels(k));
}

at::Tensor MultiscaleProcess::spread(int64_t k, const at::Tensor& of_blocks) const {
  const auto size = shape(k);
  const at::Tensor places =
      block_numbers(size[1], size[2], levels(k)).flatten().to(of_blocks.device());
  return of_blocks.index_select(-1, places).unflatten(-1, {1, size[1], size[2]});
}

at::Tensor MultiscaleProcess::sigmas(int64_t k, const at::Tensor& t) const {
  std::vector<at::Tensor> of_blocks;
  for (int64_t j = k; j <= scales(); ++j)
    of_blocks.push_back(clock(j).noise_ratio(t) / deviations_[j - 1].to(t.scalar_type()));
  return spread(k, at::stack(of_blocks, -1));
}

at::Tensor MultiscaleProcess::sampling_sigmas(int64_t k, int64_t steps) const {
  const double end = k == 1 ? 0 : end_time(k - 1);
  const at::Tensor sigmas_of_steps = sigmas(
      k, at::linspace(end_time(k), end, steps + 1, deviations_.options().dtype(at::kDouble)));
  return k == 1 ? ending_in_data(sigmas_of_steps) : sigmas_of_steps;
}

at::Tensor sample_multiscale(const MultiscaleProcess& process, const Sampler& sampler,
                             const std::vector<Denoiser>& denoisers, int64_t rows, int64_t steps,
                             at::Generator& generator) {
  at::Tensor coarse;  // the state that the interval above hands over
  for (int64_t k = process.scales(); k >= 1; --k) {
    std::vector<int64_t> shape = process.shape(k);
    shape.insert(shape.begin(), rows);
    const at::Tensor sigmas = process.sampling_sigmas(k, steps);
    const at::Tensor start = sigmas[0].hypot(at::ones({1}, sigmas.options())).to(at::kFloat);
    at::Tensor y = start * at::randn(shape, generator, at::device(generator.device()));
    if (coarse.defined()) y.narrow(2, 0, coarse.size(2)).narrow(3, 0, coarse.size(3)).copy_(coarse);
    coarse = sampler.run(denoisers[k - 1], y, sigmas, generator);
  }
  return process.image_of(1, coarse);
}

}  // namespace ornstein::multiscale
