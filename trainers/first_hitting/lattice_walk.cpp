#include "trainers/first_hitting/lattice_walk.h"

namespace ornstein::first_hitting {
namespace {

constexpr double kNegligible = 1e-12;

}  // namespace

LatticeWalk lattice_walk(int64_t m, int64_t dimension) {
  const auto walks = static_cast<double>(dimension);
  const int64_t places = 2 * m + 1;
  std::vector<double> survival, cumulative, some_alive, here(places, 0.0);
  here[m] = 1;
  double alive = 1;
  while (walks * alive > kNegligible) {
    double sum = 0;
    for (const double mass : here) cumulative.push_back((sum += mass) / alive);
    survival.push_back(alive);
    some_alive.push_back(-std::expm1(walks * std::log1p(-alive)));
    std::vector<double> next(places, 0.0);
    for (int64_t i = 1; i + 1 < places; ++i) {
      next[i - 1] += here[i] / 2;
      next[i + 1] += here[i] / 2;
    }
    next.front() = next.back() = 0;
    here = next;
    alive = std::accumulate(here.begin(), here.end(), 0.0);
  }
  const at::Tensor moment = at::tensor(some_alive, at::kDouble).cumsum(0);
  const double steps = moment[-1].item<double>();
  return {at::tensor(survival, at::kDouble),
          at::tensor(cumulative, at::kDouble).reshape({-1, places}), moment / steps, steps};
}

}  // namespace ornstein::first_hitting
