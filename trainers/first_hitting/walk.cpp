#include "trainers/first_hitting/walk.h"

namespace ornstein::first_hitting {

Arrivals walk(const Domain& domain, const DriftNetwork& network, int64_t rows, const at::Tensor& x,
              at::Generator& generator) {
  const at::Tensor start = domain.start(rows).to(generator.device());
  Arrivals result{start, at::zeros({rows}, start.options()), at::zeros({rows}, start.options())};
  at::Tensor on_way = at::arange(rows, start.options().dtype(at::kLong)), z = start;
  while (on_way.numel() > 0) {
    const at::Tensor end = x.defined() ? x.index_select(0, on_way) : x;
    const Move move = domain.step(z, network(z), end, generator);
    result.z.index_copy_(0, on_way, move.z);
    result.steps.index_add_(0, on_way, at::ones_like(move.log_ratio));
    result.log_ratio.index_add_(0, on_way, move.log_ratio);
    const at::Tensor going = ~domain.arrived(move.z);
    on_way = on_way.masked_select(going);
    z = result.z.index_select(0, on_way);
  }
  return result;
}

at::Tensor importance_log_density(const Domain& domain, const DriftNetwork& network,
                                  const at::Tensor& x, int64_t paths, at::Generator& generator) {
  const Arrivals arrivals =
      walk(domain, network, x.size(0) * paths, x.repeat_interleave(paths, /*dim=*/0), generator);
  return domain.log_base(x) + arrivals.log_ratio.view({-1, paths}).logsumexp(1) -
         std::log(static_cast<double>(paths));
}

}  // namespace ornstein::first_hitting
