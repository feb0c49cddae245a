#include "trainers/conditional/joint_diffusion.h"

namespace ornstein::conditional {

DiffusionNetwork bind(const Network& network, const Observation& observation,
                      const at::Tensor& labels) {
  Batch given;
  given.labels = labels;
  return [&network, mask = observation.mask, given](const at::Tensor& input,
                                                    const at::Tensor& log_sigma) {
    const at::Tensor seen = mask.defined() ? at::cat({input, mask.to(input)}, 1) : input;
    return network.call(seen, log_sigma, given);
  };
}

BlockLosses joint_loss(const DiffusionNetwork& network, Prediction prediction, const at::Tensor& x0,
                       const Observation& observation, const at::Tensor& noise_x,
                       const at::Tensor& noise_y, const at::Tensor& sigma_x,
                       const at::Tensor& sigma_y) {
  const int64_t rows = x0.size(0), of_x = x0.size(1), of_y = observation.y.size(1);
  const at::Tensor z0 = at::cat({x0, observation.y}, 1), noise = at::cat({noise_x, noise_y}, 1);
  const at::Tensor levels = at::cat({sigma_x.view({rows, 1, 1, 1}).expand({rows, of_x, 1, 1}),
                                     sigma_y.view({rows, 1, 1, 1}).expand({rows, of_y, 1, 1})},
                                    1);
  const at::Tensor output = network(network_input(z0 + levels * noise, levels, 1), sigma_x.log());
  const at::Tensor target =
      regression_target(prediction, z0, noise, levels, 1).narrow(1, 0, output.size(1));
  TORCH_CHECK(output.sizes() == target.sizes(), "joint_loss: the network returned ", output.sizes(),
              " for ", target.sizes());
  const at::Tensor square = (output - target).square();
  BlockLosses losses{square.narrow(1, 0, of_x).flatten(1).mean(1), at::zeros_like(sigma_x)};
  if (output.size(1) > of_x) {
    const at::Tensor shared = square.narrow(1, of_x, of_y) * observation.share;
    losses.y = shared.flatten(1).sum(1) / (x0.numel() / rows);
  }
  return losses;
}

ConditionAt fresh_condition(const at::Tensor& y, std::function<at::Tensor()> draw_noise) {
  return [=](const at::Tensor& sigma_y) { return y + per_row(sigma_y.to(y), y) * draw_noise(); };
}

ConditionAt condition_path(const at::Tensor& y, std::function<at::Tensor()> draw_noise) {
  struct Point {
    at::Tensor sigma, y;  // undefined before the first call
  };
  return [=, last = std::make_shared<Point>()](const at::Tensor& sigma_y) {
    const at::Tensor sigma = sigma_y.to(y);
    if (!last->y.defined()) {
      *last = {sigma, y + per_row(sigma, y) * draw_noise()};
    } else if (!last->sigma.equal(sigma)) {
      TORCH_CHECK(sigma.le(last->sigma).all().item<bool>(),
                  "a condition's path wants falling levels");
      const at::Tensor kept = (sigma / last->sigma).square();
      const at::Tensor deviation = sigma * (1 - kept).sqrt();
      *last = {sigma, y + per_row(kept, y) * (last->y - y) + per_row(deviation, y) * draw_noise()};
    }
    return last->y;
  };
}

DiffusionNetwork x_block(const DiffusionNetwork& joint, const Estimator& estimator,
                         const ConditionAt& condition) {
  return [=](const at::Tensor& input, const at::Tensor& log_sigma) {
    const at::Tensor sigma_y = estimator.condition_sigma(log_sigma.exp());
    const at::Tensor seen = network_input(condition(sigma_y).to(input), sigma_y, 1);
    return joint(at::cat({input, seen}, 1), log_sigma).narrow(1, 0, input.size(1));
  };
}

}  // namespace ornstein::conditional
