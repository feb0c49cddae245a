#include "framework/math/divergence.h"

#include <gtest/gtest.h>

#include "framework/base/random.h"

namespace ornstein {
namespace {

// f(x) = x |x|^2 on rows of d numbers: div f = (d + 2) |x|^2; its Jacobian is not diagonal.
at::Tensor cubic(const at::Tensor& x) { return x * x.flatten(1).square().sum(1).view({-1, 1, 1}); }

at::Tensor rows() {
  auto generator = make_generator(2);
  return at::randn({5, 1, 3}, generator, at::kDouble);
}

TEST(Divergence, ExactAgreesWithTheClosedFormInEveryRow) {
  const at::Tensor x = rows();
  const auto [value, divergence] = exact_divergence(cubic, x);
  EXPECT_TRUE(at::allclose(value, cubic(x)));
  EXPECT_TRUE(at::allclose(divergence, 5 * x.square().sum({1, 2}), 1e-12));
}

TEST(Divergence, HutchinsonAveragesToTheExactOneOverAllSigns) {
  const at::Tensor x = rows();
  at::Tensor sum = at::zeros({5}, at::kDouble);
  for (int signs = 0; signs < 8; ++signs) {
    const at::Tensor probe =
        at::tensor({signs & 1 ? 1.0 : -1.0, signs & 2 ? 1.0 : -1.0, signs & 4 ? 1.0 : -1.0})
            .expand({5, 1, 3});
    sum += hutchinson_divergence(cubic, x, probe).divergence;
  }
  EXPECT_TRUE(at::allclose(sum / 8, exact_divergence(cubic, x).divergence, 1e-12));
}

TEST(Divergence, OneProbeReadsTheQuadraticFormOfAMatrix) {
  const at::Tensor matrix = at::arange(9, at::kDouble).reshape({3, 3});
  const auto linear = [&](const at::Tensor& x) { return x.matmul(matrix.t()); };
  const at::Tensor x = at::zeros({1, 3}, at::kDouble);
  const at::Tensor probe = at::tensor({1.0, -1.0, 1.0}).unsqueeze(0);
  const double form = probe.matmul(matrix).matmul(probe.t()).item<double>();
  EXPECT_DOUBLE_EQ(hutchinson_divergence(linear, x, probe).divergence.item<double>(), form);
  EXPECT_DOUBLE_EQ(exact_divergence(linear, x).divergence.item<double>(), 0 + 4 + 8);
}

TEST(Divergence, OfAConstantFieldIsZero) {
  const auto constant = [](const at::Tensor& x) { return at::ones_like(x.detach()); };
  EXPECT_EQ(exact_divergence(constant, rows()).divergence.abs().max().item<double>(), 0);
}

TEST(Divergence, WorksWhereGradientsAreOffAndLeavesNoGraph) {
  const at::NoGradGuard no_gradients;
  const at::Tensor weight = at::full({1}, 2.0, at::kDouble).requires_grad_();
  const auto [value, divergence] =
      exact_divergence([&](const at::Tensor& x) { return weight * x; }, rows());
  EXPECT_TRUE(at::allclose(divergence, at::full({5}, 6.0, at::kDouble)));
  EXPECT_FALSE(value.requires_grad() || divergence.requires_grad());
  EXPECT_FALSE(weight.grad().defined());
}

}  // namespace
}  // namespace ornstein
