#include "datasets/points/communities.h"

#include <limits>

namespace ornstein::points {
namespace {

constexpr int64_t kLeastNodes = 12, kMostNodes = 20;
constexpr double kWithin = 0.7, kBetween = 0.05;

// What edges there may be among n nodes, of the triangle's D places.
struct Places {
  at::Tensor within, between;  // [D] bool
};

Places places_of(int64_t nodes) {
  const at::Tensor index = at::triu_indices(kMostNodes, kMostNodes, 1, at::kLong);
  const at::Tensor low = index[0] < nodes / 2, high = index[1] < nodes / 2;
  const at::Tensor there = index[1] < nodes;
  return {there.logical_and(low == high), there.logical_and(low != high)};
}

at::Tensor bernoulli(int64_t rows, const at::Tensor& places, double p, at::Generator& generator) {
  const at::Tensor u = at::rand({rows, places.numel()}, generator, at::kDouble);
  return (u < p).logical_and(places).to(at::kDouble);
}

at::Tensor draw(int64_t rows, int64_t nodes, at::Generator& generator) {
  const Places places = places_of(nodes);
  at::Tensor between = bernoulli(rows, places.between, kBetween, generator);
  while (true) {
    const at::Tensor apart = between.sum(1, true) == 0;
    if (!apart.any().item<bool>()) break;
    between = at::where(apart, bernoulli(rows, places.between, kBetween, generator), between);
  }
  return bernoulli(rows, places.within, kWithin, generator) + between;
}

// log of p^(edges) (1 - p)^(the rest of the places), [b].
at::Tensor log_bernoulli(const at::Tensor& edges, double places, double p) {
  return edges * std::log(p) + (places - edges) * std::log1p(-p);
}

at::Tensor log_probability(const at::Tensor& x, int64_t nodes) {
  const Places places = places_of(nodes);
  const at::Tensor within = x.matmul(places.within.to(at::kDouble));
  const at::Tensor between = x.matmul(places.between.to(at::kDouble));
  const double pairs = places.between.sum().item<double>();
  const at::Tensor log = log_bernoulli(within, places.within.sum().item<double>(), kWithin) +
                         log_bernoulli(between, pairs, kBetween) -
                         std::log1p(-std::pow(1 - kBetween, pairs));
  const at::Tensor possible = (between > 0).logical_and(x.sum(1) == within + between);
  return at::where(possible, log, -std::numeric_limits<double>::infinity());
}

}  // namespace

Twin communities() {
  return {"communities",
          [](int64_t rows, at::Generator& generator) {
            const at::Tensor sizes =
                at::randint(kLeastNodes, kMostNodes + 1, {rows}, generator, at::kLong);
            at::Tensor x = at::empty({rows, kMostNodes * (kMostNodes - 1) / 2}, at::kDouble);
            for (int64_t nodes = kLeastNodes; nodes <= kMostNodes; ++nodes) {
              const at::Tensor which = at::nonzero(sizes == nodes).squeeze(1);
              x.index_copy_(0, which, draw(which.numel(), nodes, generator));
            }
            return x;
          },
          [](const at::Tensor& x) {
            std::vector<at::Tensor> terms;
            for (int64_t nodes = kLeastNodes; nodes <= kMostNodes; ++nodes)
              terms.push_back(log_probability(x, nodes));
            return at::logsumexp(at::stack(terms), 0) - std::log(static_cast<double>(terms.size()));
          },
          "binary"};
}

}  // namespace ornstein::points
