#include "trainers/first_hitting/cube.h"

namespace ornstein::first_hitting {
namespace {

at::Tensor alive(const at::Tensor& z) { return (z > 0).logical_and(z < 1); }

struct Chances {
  at::Tensor up, down;  // [n, D], each without cancellation
};

// Of the bridge to x, z inside.
Chances towards(const at::Tensor& x, const at::Tensor& z, double delta) {
  const at::Tensor to_one = delta / z, to_zero = delta / (1 - z);
  return {(x * (1 + to_one) + (1 - x) * (1 - to_zero)) / 2,
          (x * (1 - to_one) + (1 - x) * (1 + to_zero)) / 2};
}

// Of the model: the bridges' by the odds of their ends.
Chances of_model(const at::Tensor& output, const at::Tensor& z, double delta) {
  const at::Tensor logit = at::logit(z) + output;
  const Chances one = towards(at::ones_like(z), z, delta);
  const Chances zero = towards(at::zeros_like(z), z, delta);
  const at::Tensor p = at::sigmoid(logit), q = at::sigmoid(-logit);
  return {p * one.up + q * zero.up, p * one.down + q * zero.down};
}

}  // namespace

Cube::Cube(int64_t d, int64_t m)
    : d_(d), m_(m), delta_(0.5 / static_cast<double>(m)), walk_(lattice_walk(m, d)) {}

const LatticeWalk& Cube::walk_on(const at::Device& device) const {
  for (at::Tensor* table : {&walk_.survival, &walk_.cumulative, &walk_.moment})
    *table = table->to(device);
  return walk_;
}

at::Tensor Cube::start(int64_t rows) const { return at::full({rows, d_}, 0.5, at::kDouble); }

at::Tensor Cube::log_base(const at::Tensor& x) const {
  return at::full({x.size(0)}, -static_cast<double>(d_) * std::log(2.0),
                  x.options().dtype(at::kDouble));
}

Seen Cube::seen(const at::Tensor& z) const { return {2 * z - 1, alive(z).to(z).mean(1)}; }

at::Tensor Cube::drift(const at::Tensor& output, const at::Tensor& z) const {
  const at::Tensor inside = z.clamp(delta_, 1 - delta_);
  const at::Tensor p = at::sigmoid(at::logit(inside) + output);
  return at::where(alive(z), (p - inside) / (inside * (1 - inside)), 0.0);
}

Bridges Cube::bridges(const at::Tensor& x, const at::Tensor& u, at::Generator& generator) const {
  const auto random = [&](at::IntArrayRef shape) {
    return at::rand(shape, generator, x.options());
  };
  const LatticeWalk& walk = walk_on(x.device());
  const int64_t rows = x.size(0), moments = walk.moment.size(0);
  const at::Tensor k =
      at::searchsorted(walk.moment, u, false, /*right=*/true).clamp_max(moments - 1);
  const at::Tensor survival = walk.survival.index_select(0, k);
  // The first coordinate that is alive, given that there is one; those behind it are independent.
  const at::Tensor log_dead = at::log1p(-survival);
  const at::Tensor some = -at::expm1(static_cast<double>(d_) * log_dead);
  const at::Tensor first =
      (at::log1p(-random({rows}) * some) / log_dead).floor().clamp(0, d_ - 1).unsqueeze(1);
  const at::Tensor number = at::arange(d_, x.options()).unsqueeze(0);
  const at::Tensor is_alive =
      (number == first)
          .logical_or((number > first).logical_and(random({rows, d_}) < survival.unsqueeze(1)));
  const at::Tensor place = at::searchsorted(walk.cumulative.index_select(0, k), random({rows, d_}),
                                            false, /*right=*/true);
  const at::Tensor z = place.to(x).clamp(1, 2 * m_ - 1) * delta_;
  const at::Tensor odds = at::where(x > 0.5, z, 1 - z);
  const at::Tensor turned = at::where(random({rows, d_}) < odds, z, 1 - z);
  return {at::where(is_alive, turned, x), x, x, at::full({rows}, walk.steps, x.options())};
}

Bridges Cube::blended(const Bridges& bridges, const at::Tensor& x) const {
  constexpr double kNever = -1e9;  // in place of log 0, where a coordinate has hit the other end
  const at::Tensor to_one = bridges.z.log().clamp_min(kNever);
  const at::Tensor to_zero = at::log1p(-bridges.z).clamp_min(kNever);
  Bridges blend = bridges;
  blend.target = (to_one.mm(x.t()) + to_zero.mm((1 - x).t())).softmax(1).mm(x);
  return blend;
}

at::Tensor Cube::cost(const at::Tensor& output, const Bridges& bridges) const {
  const at::Tensor inside = bridges.z.clamp(delta_, 1 - delta_);
  const Chances p = of_model(output, inside, delta_), q = towards(bridges.target, inside, delta_);
  // Less the divergence of the bridge's own chances from even ones, whose sum over a bridge is
  // exactly D log 2: it need not be drawn.
  const at::Tensor gain = at::xlogy(q.up, 2 * p.up) + at::xlogy(q.down, 2 * p.down);
  return -bridges.weight * at::where(alive(bridges.z), gain, 0.0).sum(1);
}

Move Cube::step(const at::Tensor& z, const at::Tensor& output, const at::Tensor& x,
                at::Generator& generator) const {
  const at::Tensor inside = z.clamp(delta_, 1 - delta_), moves = alive(z);
  const Chances p = of_model(output, inside, delta_);
  const at::Tensor chance = x.defined() ? towards(x, inside, delta_).up : p.up;
  const at::Tensor up = at::rand(z.sizes(), generator, z.options()) < chance;
  const at::Tensor next = at::where(up, z + delta_, z - delta_);
  const at::Tensor log_ratio = (2 * at::where(up, p.up, p.down)).log();
  return {at::where(moves, next, z), at::where(moves, log_ratio, 0.0).sum(1)};
}

at::Tensor Cube::arrived(const at::Tensor& z) const { return ~alive(z).any(1); }

std::shared_ptr<const Domain> Cube::with_steps(int64_t steps) const {
  const double squares = static_cast<double>(steps) / walk_.steps * static_cast<double>(m_ * m_);
  int64_t m = 1;
  while (2 * m <= kFinestCells / 2 && static_cast<double>(4 * m * m) <= squares) m *= 2;
  return std::make_shared<const Cube>(d_, m);
}

}  // namespace ornstein::first_hitting
