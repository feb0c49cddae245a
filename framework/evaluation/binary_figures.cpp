#include "framework/evaluation/binary_figures.h"

#include "framework/evaluation/duplicates.h"

namespace ornstein {
namespace {

// [m] float64: log probability of rows under independent numbers of the marginals of `train`.
at::Tensor independent_log_probability(const at::Tensor& rows, const at::Tensor& train) {
  const at::Tensor ones = train.to(at::kCPU, at::kDouble).sum(0);
  const at::Tensor p = (ones + 0.5) / (static_cast<double>(train.size(0)) + 1);
  const at::Tensor x = rows.to(at::kCPU, at::kDouble);
  return (x * p.log() + (1 - x) * (1 - p).log()).sum(1);
}

}  // namespace

at::Tensor pair_correlations(const at::Tensor& rows) {
  const at::Tensor s = 2 * rows.detach().to(at::kCPU, at::kDouble) - 1;
  return s.t().matmul(s) / static_cast<double>(rows.size(0));
}

std::vector<Figure> binary_figures(const at::Tensor& samples, const at::Tensor& held_out,
                                   const at::Tensor& train) {
  TORCH_CHECK(samples.size(1) == held_out.size(1), "binary figures of rows of ", samples.sizes(),
              " and ", held_out.sizes());
  const int64_t d = samples.size(1);
  const at::Tensor pairs = at::triu_indices(d, d, 1);
  const auto of_pairs = [&](const at::Tensor& matrix) {
    return matrix.index({pairs[0], pairs[1]});
  };
  const auto n = static_cast<double>(samples.size(0)), m = static_cast<double>(held_out.size(0));
  const at::Tensor c = of_pairs(pair_correlations(samples));
  const at::Tensor h = of_pairs(pair_correlations(held_out));
  const at::Tensor pooled = (n * c + m * h) / (n + m), apart = (c - h).abs();
  const at::Tensor error = ((1 - pooled.square()).clamp_min(0) * (1 / n + 1 / m)).sqrt();
  const at::Tensor in_errors = at::where(apart > 0, apart / error, 0);

  std::vector<Figure> figures;
  if (d > 1)
    figures = {{"pair_correlation_error", apart.mean().item<double>(), 0, ""},
               {"pair_correlation_largest", in_errors.max().item<double>(), 0, "standard errors"}};
  figures.push_back({"nll_uniform", static_cast<double>(d) * std::log(2.0), 0, "nats"});
  if (!train.defined()) return figures;
  figures.push_back(
      mean_figure("nll_independent", -independent_log_probability(held_out, train), "nats"));
  figures.push_back(duplicates_figure(held_out, train));
  return figures;
}

}  // namespace ornstein
