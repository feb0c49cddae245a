#include "trainers/nonlinear_flow/residual_log_det.h"

namespace ornstein::nonlinear_flow {
namespace {

// g with derivatives by x. Where the caller wants gradients they flow through x.
class Differentiated {
 public:
  Differentiated(const ResidualBranch& g, const at::Tensor& x)
      : wanted_(at::GradMode::is_enabled()) {
    const at::AutoGradMode with_gradients(true);
    input_ = wanted_ && x.requires_grad() ? x : x.detach().requires_grad_();
    value_ = g(input_);
  }

  bool wanted() const { return wanted_; }
  at::Tensor value() const { return wanted_ ? value_ : value_.detach(); }

  // direction^T J of each row; differentiable itself if `graph`.
  at::Tensor pulled_back(const at::Tensor& direction, bool graph) const {
    const at::AutoGradMode with_gradients(true);
    return torch::autograd::grad({value_}, {input_}, {direction}, /*retain_graph=*/true, graph)[0];
  }

 private:
  bool wanted_;
  at::Tensor input_, value_;
};

at::Tensor row_dot(const at::Tensor& a, const at::Tensor& b) { return (a * b).flatten(1).sum(1); }

}  // namespace

BranchWithLogDet exact_log_det(const ResidualBranch& g, const at::Tensor& x) {
  const Differentiated branch(g, x);
  const int64_t dimensions = x[0].numel();
  std::vector<at::Tensor> rows;  // of J, each [B, d]
  for (int64_t i = 0; i < dimensions; ++i) {
    at::Tensor direction = at::zeros_like(x, x.options(), at::MemoryFormat::Contiguous);
    direction.view({x.size(0), -1}).select(1, i).fill_(1);
    rows.push_back(branch.pulled_back(direction, branch.wanted()).flatten(1));
  }
  const at::Tensor jacobian = at::stack(rows, 1).to(at::kDouble);
  const at::Tensor identity = at::eye(dimensions, jacobian.options());
  return {branch.value(), std::get<1>(at::linalg_slogdet(jacobian + identity)).to(x.scalar_type())};
}

BranchWithLogDet estimated_log_det(const ResidualBranch& g, const at::Tensor& x,
                                   const at::Tensor& probe,
                                   const std::vector<double>& coefficients) {
  TORCH_CHECK(probe.sizes() == x.sizes(), "estimated_log_det: probe ", probe.sizes(),
              " is not of x's shape ", x.sizes());
  const Differentiated branch(g, x);
  at::Tensor value = at::zeros({x.size(0)}, x.options()), power = probe, neumann = probe;
  for (size_t i = 0; i < coefficients.size(); ++i) {
    const double signed_coefficient = (i % 2 == 0 ? 1 : -1) * coefficients[i];
    power = branch.pulled_back(power, false);
    value = value + signed_coefficient / static_cast<double>(i + 1) * row_dot(power, probe);
    neumann = neumann - signed_coefficient * power;
  }
  if (branch.wanted()) {
    const at::Tensor surrogate = row_dot(branch.pulled_back(neumann, true), probe);
    value =
        value + (surrogate - surrogate.detach());  // the gradient of one, the value of the other
  }
  return {branch.value(), value};
}

std::vector<double> roulette_coefficients(int64_t kept, double continuation,
                                          at::Generator& generator) {
  TORCH_CHECK(0 < continuation && continuation < 1, "roulette: continuation ", continuation);
  const auto options = at::dtype(at::kDouble).device(generator.device());
  const double u = 1 - at::rand({1}, generator, options).item<double>();  // in (0, 1]
  const auto tail = static_cast<int64_t>(std::log(u) / std::log(continuation));
  std::vector<double> coefficients(kept, 1.0);
  for (int64_t m = 1; m <= tail; ++m) coefficients.push_back(std::pow(continuation, -m));
  return coefficients;
}

}  // namespace ornstein::nonlinear_flow
