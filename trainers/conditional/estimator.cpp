#include "trainers/conditional/estimator.h"

namespace ornstein::conditional {

Estimator Estimator::at_step(int64_t number) const {
  Estimator now = *this;
  if (!anneals() || number >= anneal_steps) return now;
  const double passed = static_cast<double>(number) / static_cast<double>(anneal_steps);
  now.sigma_max_y = 1 / ((1 - passed) / sigma_max + passed / sigma_max_y);
  return now;
}

at::Tensor Estimator::condition_sigma(const at::Tensor& sigma) const {
  if (kind == EstimatorKind::cde) return at::zeros_like(sigma);
  if (kind == EstimatorKind::cdiffe) return sigma;
  const at::Tensor t = ((sigma / sigma_min).log() / std::log(sigma_max / sigma_min)).clamp(0, 1);
  return sigma_min * (t * std::log(sigma_max_y / sigma_min)).exp();
}

double Estimator::condition_weight() const {
  if (kind == EstimatorKind::cde) return 0;
  if (kind == EstimatorKind::cdiffe) return 1;
  return std::log(sigma_max_y / sigma_min) / std::log(sigma_max / sigma_min);
}

Estimator read_estimator(const ConfigReader& trainer, double sigma_min, double sigma_max) {
  const std::vector<std::string> names{"cde", "cdiffe", "cmde", "vs_cmde"};
  const std::string name = trainer.choice("estimator", "cmde", names);
  const auto index = std::find(names.begin(), names.end(), name) - names.begin();
  Estimator estimator{static_cast<EstimatorKind>(index), sigma_min, sigma_max};
  if (estimator.anneals()) estimator.anneal_steps = trainer.integer("anneal_steps", 1000, 1);
  if (estimator.kind != EstimatorKind::cmde && !estimator.anneals()) return estimator;
  estimator.sigma_max_y = trainer.number("sigma_max_y", 0.5);
  const bool slower = sigma_min < estimator.sigma_max_y && estimator.sigma_max_y <= sigma_max;
  if (!slower) {
    trainer.fail("sigma_max_y",
                 fmt::format("{} is not between sigma_min and sigma_max (y's clock is slower than "
                             "x's) choose one above {} and up to {}",
                             estimator.sigma_max_y, sigma_min, sigma_max));
  }
  return estimator;
}

}  // namespace ornstein::conditional
