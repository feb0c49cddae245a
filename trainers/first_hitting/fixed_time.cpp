#include "trainers/first_hitting/fixed_time.h"

namespace ornstein::first_hitting {

at::Tensor FixedTime::left(const at::Tensor& z) const { return z.narrow(1, d_, 1); }

at::Tensor FixedTime::start(int64_t rows) const {
  return at::cat({at::zeros({rows, d_}, at::kDouble), at::ones({rows, 1}, at::kDouble)}, 1);
}

at::Tensor FixedTime::log_base(const at::Tensor& x) const {
  const at::Tensor exact = x.to(at::kDouble);
  return -(exact.square().sum(1) + static_cast<double>(d_) * std::log(2 * M_PI)) / 2;
}

Seen FixedTime::seen(const at::Tensor& z) const {
  return {z.narrow(1, 0, d_), (left(z) + floor()).log().squeeze(1) / 2};
}

at::Tensor FixedTime::drift(const at::Tensor& output, const at::Tensor& z) const {
  return output / (left(z) + floor()).sqrt();
}

Bridges FixedTime::bridges(const at::Tensor& x, const at::Tensor& u,
                           at::Generator& generator) const {
  const double span = std::log1p(1 / floor());
  const at::Tensor to_go = (floor() * at::expm1(u * span)).clamp_max(1).unsqueeze(1);
  const at::Tensor mean = (1 - to_go) * x;
  const at::Tensor noise =
      (to_go * (1 - to_go)).sqrt() * at::randn(x.sizes(), generator, x.options());
  const at::Tensor z = at::cat({mean + noise, mean - noise}), ends = x.repeat({2, 1});
  const at::Tensor both = to_go.repeat({2, 1});
  return {at::cat({z, both}, 1), ends, (ends - z) / both,
          ((to_go + floor()) * span).squeeze(1).repeat({2})};
}

Bridges FixedTime::blended(const Bridges& bridges, const at::Tensor& x) const {
  const at::Tensor z = bridges.z.narrow(1, 0, d_), to_go = left(bridges.z);
  // log P(z, x)/P(start, x) = z . x/(1 - t) - |x|^2 (1/(1 - t) - 1)/2, and what is z's own.
  const at::Tensor log_weight = z.mm(x.t()) / to_go - x.square().sum(1) * (1 / to_go - 1) / 2;
  Bridges blend = bridges;
  blend.target = (log_weight.softmax(1).mm(x) - z) / to_go;
  return blend;
}

at::Tensor FixedTime::cost(const at::Tensor& output, const Bridges& bridges) const {
  const at::Tensor s = drift(output, bridges.z);
  return bridges.weight * (s.square() / 2 - s * bridges.target).sum(1);
}

Move FixedTime::step(const at::Tensor& z, const at::Tensor& output, const at::Tensor& x,
                     at::Generator& generator) const {
  const at::Tensor s = drift(output, z), to_go = left(z), place = z.narrow(1, 0, d_);
  const double ratio = std::exp(-std::log1p(1 / floor()) / static_cast<double>(steps_));
  // The last step's end is where rounding would leave a little to go.
  const at::Tensor next = (to_go + floor()) * ratio - floor();
  const at::Tensor after = at::where(next < 1e-6 * floor(), 0.0, next), h = to_go - after;
  const at::Tensor noise = at::randn(place.sizes(), generator, place.options());
  const at::Tensor way = x.defined() ? h / to_go * (x - place) + (h * after / to_go).sqrt() * noise
                                     : h * s + h.sqrt() * noise;
  return {at::cat({place + way, after}, 1), (s * way - h * s.square() / 2).sum(1)};
}

at::Tensor FixedTime::arrived(const at::Tensor& z) const { return ~(left(z).squeeze(1) > 0); }

at::Tensor FixedTime::hit(const at::Tensor& z, at::Generator& generator) const {
  return z.narrow(1, 0, d_);
}

std::shared_ptr<const Domain> FixedTime::with_steps(int64_t steps) const {
  return std::make_shared<const FixedTime>(d_, resolution_, steps);
}

}  // namespace ornstein::first_hitting
