#include "tests/support/gaussian_oracle.h"

#include "framework/diffusion/prediction.h"

namespace ornstein {

GaussianOracle::GaussianOracle(const at::Tensor& mean, const at::Tensor& covariance)
    : mean_(mean.to(at::kDouble)) {
  TORCH_CHECK(mean.dim() == 1 && covariance.dim() == 2, "GaussianOracle wants [d] and [d, d]");
  std::tie(eigenvalues_, eigenvectors_) = at::linalg_eigh(covariance.to(at::kDouble));
  eigenvalues_ = eigenvalues_.clamp_min(0);
}

at::Tensor GaussianOracle::operator()(const at::Tensor& y, const at::Tensor& sigma) const {
  const auto type = y.scalar_type();
  const at::Tensor mean = mean_.to(type), vectors = eigenvectors_.to(type),
                   values = eigenvalues_.to(type);
  const at::Tensor shrink = values / (values + sigma.square().unsqueeze(1));
  const at::Tensor centred = (y.flatten(1) - mean).matmul(vectors);
  return (mean + (shrink * centred).matmul(vectors.t())).reshape(y.sizes());
}

at::Tensor GaussianOracle::log_density(const at::Tensor& y, const at::Tensor& sigma) const {
  const at::Tensor variance = eigenvalues_ + sigma.to(at::kDouble).square().unsqueeze(1);
  const at::Tensor centred = (y.to(at::kDouble).flatten(1) - mean_).matmul(eigenvectors_);
  return -(centred.square() / variance + (2 * M_PI * variance).log()).sum(1) / 2;
}

at::Tensor GaussianOracle::sample(int64_t rows, at::Generator& generator) const {
  const at::Tensor z = at::randn({rows, mean_.size(0)}, generator, mean_.options());
  return mean_ + (z * eigenvalues_.sqrt()).matmul(eigenvectors_.t());
}

MixtureOracle::MixtureOracle(std::vector<double> weights, std::vector<GaussianOracle> components)
    : weights_(std::move(weights)), components_(std::move(components)) {
  TORCH_CHECK(!weights_.empty() && weights_.size() == components_.size(),
              "MixtureOracle wants one weight a component");
}

at::Tensor MixtureOracle::joint_log_density(const at::Tensor& y, const at::Tensor& sigma) const {
  std::vector<at::Tensor> columns;
  for (size_t k = 0; k < weights_.size(); ++k) {
    columns.push_back(components_[k].log_density(y, sigma) + std::log(weights_[k]));
  }
  return at::stack(columns, 1);
}

at::Tensor MixtureOracle::operator()(const at::Tensor& y, const at::Tensor& sigma) const {
  const at::Tensor share = joint_log_density(y, sigma).softmax(1).to(y.scalar_type());
  at::Tensor mean = at::zeros_like(y);
  for (size_t k = 0; k < weights_.size(); ++k) {
    mean = mean + per_row(share.select(1, k), y) * components_[k](y, sigma);
  }
  return mean;
}

at::Tensor MixtureOracle::log_density(const at::Tensor& y, const at::Tensor& sigma) const {
  return joint_log_density(y, sigma).logsumexp(1);
}

}  // namespace ornstein
