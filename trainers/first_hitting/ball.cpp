#include "trainers/first_hitting/ball.h"

#include "framework/spaces/sphere.h"
#include "trainers/first_hitting/poisson_law.h"

namespace ornstein::first_hitting {
namespace {

constexpr double kOvershoot = 0.5826;  // -zeta(1/2)/sqrt(2 pi), in steps' deviations
constexpr double kLargestEta = 0.9;

double eta_of(int64_t d, double resolution, int64_t steps) {
  const double wanted = 1.3 * static_cast<double>(d) * std::log(1 / resolution);  // measured
  return std::min(kLargestEta, std::sqrt(wanted / static_cast<double>(steps)));
}

at::Tensor length(const at::Tensor& v) { return v.norm(2, 1, /*keepdim=*/true); }         // [n, 1]
at::Tensor rows_dot(const at::Tensor& a, const at::Tensor& b) { return (a * b).sum(1); }  // [n]

}  // namespace

Ball::Ball(int64_t d, double resolution, int64_t steps, bool euler)
    : Ball(d, resolution, eta_of(d, resolution, steps), euler) {}

at::Tensor Ball::start(int64_t rows) const { return at::zeros({rows, d_}, at::kDouble); }

at::Tensor Ball::log_base(const at::Tensor& x) const {
  return at::full({x.size(0)}, -log_sphere_volume(d_ - 1), x.options().dtype(at::kDouble));
}

Seen Ball::seen(const at::Tensor& z) const {
  return {z, (1 - length(z).squeeze(1) + resolution_).log()};
}

at::Tensor Ball::drift(const at::Tensor& output, const at::Tensor& z) const {
  return output / (1 - length(z) + resolution_);
}

Bridges Ball::bridges(const at::Tensor& x, const at::Tensor& u, at::Generator& generator) const {
  const double span = std::log1p(1 / resolution_);
  const at::Tensor e = (resolution_ * at::expm1(u * span)).clamp_max(1), r = 1 - e;
  const auto d = static_cast<double>(d_);
  const at::Tensor time =
      d_ == 2 ? -2 * at::xlogy(r, r) : -2 / (d - 2) * r * at::expm1((d - 2) * at::log1p(-e));
  const at::Tensor pole = x / length(x);
  const PoissonDraw drawn = draw_poisson(pole, r, generator);
  const at::Tensor along = r.unsqueeze(1) * drawn.along, across = r.unsqueeze(1) * drawn.across;
  const at::Tensor z = at::cat({along + across, along - across}), ends = pole.repeat({2, 1});
  return {z, ends, bridge_drift(z, ends), (time * (e + resolution_) * span).repeat({2})};
}

Bridges Ball::blended(const Bridges& bridges, const at::Tensor& x) const {
  const at::Tensor& z = bridges.z;
  const at::Tensor pole = x / length(x), inner = z.square().sum(1, /*keepdim=*/true);
  const at::Tensor square =
      at::maximum(1 + inner - 2 * z.mm(pole.t()), (1 - length(z)).square());  // |x - z|^2, [n, b]
  const auto d = static_cast<double>(d_);
  const at::Tensor pull = (-d / 2 * square.log()).softmax(1) / square;
  Bridges blend = bridges;
  blend.target = d * (pull.mm(pole) - pull.sum(1, /*keepdim=*/true) * z) - 2 * z / (1 - inner);
  return blend;
}

at::Tensor Ball::bridge_drift(const at::Tensor& z, const at::Tensor& x) const {
  const at::Tensor way = x - z;
  return static_cast<double>(d_) * way / way.square().sum(1, /*keepdim=*/true) -
         2 * z / (1 - z.square().sum(1, /*keepdim=*/true));
}

at::Tensor Ball::cost(const at::Tensor& output, const Bridges& bridges) const {
  const at::Tensor s = drift(output, bridges.z);
  return bridges.weight * (rows_dot(s, s) / 2 - rows_dot(s, bridges.target));
}

Move Ball::step(const at::Tensor& z, const at::Tensor& output, const at::Tensor& x,
                at::Generator& generator) const {
  const at::Tensor s = drift(output, z);
  if (euler_ && !x.defined()) return euler_step(z, s, generator);
  const at::Tensor rho = eta_ * at::minimum(1 - length(z), 1 / length(s)).squeeze(1);
  at::Tensor v;
  if (x.defined()) {
    v = directions_towards(x, z, rho, generator);
  } else {
    v = Sphere{d_ - 1}.reference_sample(z.size(0), generator, z.options());
    const at::Tensor coin = at::rand({z.size(0)}, generator, z.options());
    v = at::where((coin < (1 + rho * rows_dot(s, v)) / 2).unsqueeze(1), v, -v);
  }
  return {z + rho.unsqueeze(1) * v, at::log1p(rho * rows_dot(s, v))};
}

Move Ball::euler_step(const at::Tensor& z, const at::Tensor& s, at::Generator& generator) const {
  const at::Tensor deviation =
      eta_ * (1 - length(z)).clamp_min(resolution_) / std::sqrt(static_cast<double>(d_));
  const at::Tensor h = deviation.square();
  const at::Tensor way = s * h + deviation * at::randn(z.sizes(), generator, z.options());
  const at::Tensor next = z + way, size = length(next);
  return {at::where(1 - size < kOvershoot * deviation, next / size, next),
          rows_dot(s, way) - h.squeeze(1) * rows_dot(s, s) / 2};
}

at::Tensor Ball::directions_towards(const at::Tensor& x, const at::Tensor& z, const at::Tensor& rho,
                                    at::Generator& generator) const {
  const at::Tensor way = x - z, distance = length(way), pole = way / distance;
  const at::Tensor r = rho / distance.squeeze(1), size = length(z).squeeze(1);
  const at::Tensor most = 1 - (size - rho).square();
  at::Tensor drawn = at::empty_like(z);
  at::Tensor open = at::arange(z.size(0), at::device(z.device()).dtype(at::kLong));
  while (open.numel() > 0) {
    const PoissonDraw draw =
        draw_poisson(pole.index_select(0, open), r.index_select(0, open), generator);
    const at::Tensor v = draw.along + draw.across;
    const at::Tensor there = z.index_select(0, open) + rho.index_select(0, open).unsqueeze(1) * v;
    const at::Tensor chance = (1 - there.square().sum(1)) / most.index_select(0, open);
    const at::Tensor taken = ~(at::rand(chance.sizes(), generator, z.options()) >= chance);
    drawn.index_put_({open.masked_select(taken)}, v.index({taken}));
    open = open.masked_select(~taken);
  }
  return drawn;
}

at::Tensor Ball::arrived(const at::Tensor& z) const {
  const double left = euler_ ? 1e-9 : resolution_;
  return ~(1 - length(z).squeeze(1) > left);
}

at::Tensor Ball::hit(const at::Tensor& z, at::Generator& generator) const {
  const at::Tensor r = length(z);
  if (euler_) return z / r;
  const PoissonDraw drawn = draw_poisson(z / r, r.squeeze(1).clamp_max(1 - 1e-12), generator);
  const at::Tensor x = drawn.along + drawn.across;
  return x / length(x);
}

std::shared_ptr<const Domain> Ball::with_steps(int64_t steps) const {
  return std::make_shared<const Ball>(d_, resolution_, steps, euler_);
}

}  // namespace ornstein::first_hitting
