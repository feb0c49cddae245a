#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include "framework/base/errors.h"
#include "framework/base/random.h"
#include "trainers/nonlinear_flow/coupling_flow.h"
#include "trainers/nonlinear_flow/flow.h"
#include "trainers/nonlinear_flow/residual_flow.h"
#include "trainers/nonlinear_flow/residual_log_det.h"
#include "trainers/nonlinear_flow/spectral_norm.h"

namespace ornstein::nonlinear_flow {
namespace {

const auto kDoubles = at::dtype(at::kDouble);

at::Tensor normal(at::IntArrayRef shape, uint64_t seed) {
  auto generator = make_generator(seed);
  return at::randn(shape, generator, kDoubles);
}

// All parameters drawn anew, so that nothing holds by a special first value.
void scramble(const Bijection& flow, double scale, uint64_t seed) {
  const at::NoGradGuard no_gradients;
  auto generator = make_generator(seed);
  for (const auto& [name, tensor] : flow.parameters())
    tensor.add_(at::randn(tensor.sizes(), generator) * scale);
}

std::shared_ptr<Bijection> flow_from(const std::string& section, std::vector<int64_t> image) {
  seed_default_generators(3);
  const auto configuration = Configuration::from_text("{\"flow\": " + section + "}", "test");
  return read_flow(configuration->root().section("flow"), image);
}

std::shared_ptr<ResidualLayer> residual_layer(int64_t channels, int64_t side, double lipschitz,
                                              ResidualLogDet log_det, int64_t terms = 2) {
  seed_default_generators(3);
  auto layer = std::make_shared<ResidualLayer>(channels, side, side,
                                               ResidualOptions{12, lipschitz, log_det, terms});
  scramble(*layer, 0.7, 4);
  layer->initialise({});
  return layer;
}

at::Tensor mapped(const Bijection& flow, const at::Tensor& x) {
  at::Generator unused;
  return flow.forward(x, LogDet::none, unused).z;
}

// dz/dx of the one row x [1, ...] -> [d, d].
at::Tensor jacobian(const std::function<at::Tensor(const at::Tensor&)>& map, const at::Tensor& x) {
  const at::Tensor leaf = x.detach().requires_grad_();
  const at::Tensor z = map(leaf).flatten();
  std::vector<at::Tensor> rows;
  for (int64_t i = 0; i < z.numel(); ++i)
    rows.push_back(torch::autograd::grad({z[i]}, {leaf}, {}, true)[0].flatten());
  return at::stack(rows);
}

double log_abs_det(const Bijection& flow, const at::Tensor& x) {
  const at::Tensor matrix = jacobian([&](const at::Tensor& y) { return mapped(flow, y); }, x);
  return std::get<1>(at::linalg_slogdet(matrix)).item<double>();
}

double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

void expect_log_det_and_inverse(const Bijection& flow, const at::Tensor& x) {
  auto generator = make_generator(1);
  const Mapped result = flow.forward(x, LogDet::evaluation, generator);
  for (int64_t i = 0; i < x.size(0); ++i)
    EXPECT_NEAR(result.log_det[i].item<double>(), log_abs_det(flow, x.narrow(0, i, 1)), 1e-5);
  EXPECT_LT(largest(flow.inverse(result.z) - x), 1e-5);
}

TEST(ActNorm, LogDetIsThatOfItsJacobianAndTheInverseUndoesIt) {
  ActNorm layer(3);
  scramble(layer, 0.5, 1);
  expect_log_det_and_inverse(layer, normal({2, 3, 2, 2}, 2));
}

TEST(ActNorm, FirstValuesMakeEachChannelStandard) {
  ActNorm layer(3);
  const at::Tensor x = normal({50, 3, 2, 2}, 2) * 4 + 7;
  layer.initialise(x);
  const at::Tensor z = mapped(layer, x).transpose(0, 1).flatten(1);
  EXPECT_LT(largest(z.mean(1)), 1e-5);
  EXPECT_LT(largest(z.std(1, false) - 1), 1e-5);
}

TEST(InvertibleConvolution, LogDetIsThatOfItsJacobianAndTheInverseUndoesIt) {
  for (const bool reversed : {false, true}) {
    InvertibleConvolution layer(3, reversed);
    scramble(layer, 0.5, 1);
    expect_log_det_and_inverse(layer, normal({2, 3, 2, 2}, 2));
  }
}

TEST(AffineCoupling, LogDetIsThatOfItsJacobianAndTheInverseUndoesIt) {
  AffineCoupling layer(3, 8);
  scramble(layer, 0.3, 1);
  expect_log_det_and_inverse(layer, normal({2, 3, 2, 2}, 2));
}

TEST(CouplingFlow, LogDetIsThatOfItsJacobianAndTheInverseUndoesIt) {
  const auto flow =
      flow_from(R"({"name": "coupling", "blocks": [0, 2, 1], "channels": 8})", {1, 4, 4});
  scramble(*flow, 0.2, 1);
  expect_log_det_and_inverse(*flow, normal({2, 1, 4, 4}, 2));
}

TEST(ResidualFlow, LogDetIsThatOfItsJacobianAndTheInverseUndoesIt) {
  const auto flow = flow_from(
      R"({"name": "residual", "blocks": [1, 2], "channels": 8, "log_det": "exact"})", {1, 4, 4});
  scramble(*flow, 0.5, 1);
  flow->initialise(normal({1, 1, 4, 4}, 1));
  expect_log_det_and_inverse(*flow, normal({2, 1, 4, 4}, 2));
}

// The sign: h(x) = 2x has log |det| = + d log 2.
TEST(LogDet, OfDoublingIsPositive) {
  auto generator = make_generator(1);
  const at::NoGradGuard no_gradients;
  const at::Tensor x = normal({2, 4, 3, 3}, 2);
  ActNorm actnorm(4);
  actnorm.parameters()[1].tensor.fill_(std::log(2.0));
  InvertibleConvolution convolution(4, false);
  convolution.parameters()[0].tensor.mul_(2);
  for (const Bijection* layer :
       {static_cast<Bijection*>(&actnorm), static_cast<Bijection*>(&convolution)}) {
    const Mapped result = layer->forward(x, LogDet::training, generator);
    EXPECT_LT(largest(result.z - 2 * x), 1e-6);
    EXPECT_LT(largest(result.log_det - 36 * std::log(2.0)), 1e-5);
  }
  AffineCoupling coupling(4, 8);  // s = 2 tanh(bias/2) of its second half
  coupling.parameters()[5].tensor.narrow(0, 0, 2).fill_(2 * std::atanh(std::log(2.0) / 2));
  const Mapped result = coupling.forward(x, LogDet::training, generator);
  EXPECT_LT(largest(result.z - at::cat({x.narrow(1, 0, 2), 2 * x.narrow(1, 2, 2)}, 1)), 1e-6);
  EXPECT_LT(largest(result.log_det - 18 * std::log(2.0)), 1e-5);
}

TEST(Squeeze, BackUndoesItExactly) {
  const at::Tensor x = normal({2, 3, 4, 6}, 1);
  const Squeeze squeeze(false), back(true);
  EXPECT_EQ(mapped(squeeze, x).sizes(), (std::vector<int64_t>{2, 12, 2, 3}));
  EXPECT_TRUE(at::equal(mapped(back, mapped(squeeze, x)), x));
  EXPECT_TRUE(at::equal(squeeze.inverse(mapped(squeeze, x)), x));
  EXPECT_TRUE(
      at::equal(back.inverse(x.repeat({1, 4, 1, 1})), mapped(squeeze, x.repeat({1, 4, 1, 1}))));
}

TEST(CouplingFlow, BeginsAsTheIdentity) {
  for (const char* blocks : {"[0, 2, 3]", "[0, 0, 1]"}) {
    const auto flow = flow_from(
        fmt::format(R"({{"name": "coupling", "blocks": {}, "channels": 8}})", blocks), {1, 8, 8});
    const at::Tensor x = normal({2, 1, 8, 8}, 1);
    EXPECT_TRUE(at::equal(mapped(*flow, x), x));
  }
}

TEST(ResidualFlow, BeginsNearTheIdentityWithEveryParameterAlive) {
  auto generator = make_generator(1);
  const auto flow = flow_from(R"({"name": "residual", "blocks": [2], "channels": 8})", {1, 8, 8});
  const at::Tensor x = normal({4, 1, 8, 8}, 1);
  flow->initialise(x);
  const Mapped result = flow->forward(x, LogDet::training, generator);
  EXPECT_LT(((result.z - x).square().mean() / x.square().mean()).sqrt().item<double>(), 0.3);
  (result.z.square().sum() - result.log_det.sum()).backward();
  for (const auto& [name, tensor] : flow->parameters())
    EXPECT_GT(largest(tensor.grad()), 1e-6) << name;
}

TEST(Chain, WithoutLayersIsTheIdentityBitForBit) {
  auto generator = make_generator(1);
  const Chain identity({});
  const at::Tensor x = normal({2, 1, 3, 3}, 1);
  const Mapped result = identity.forward(x, LogDet::training, generator);
  EXPECT_TRUE(at::equal(result.z, x));
  EXPECT_TRUE(at::equal(identity.inverse(x), x));
  EXPECT_EQ(largest(result.log_det), 0);
}

// A log-determinant in bfloat16 would be wrong by a percent.
TEST(Chain, IsNotCastToLowerPrecision) {
  const auto flow = flow_from(R"({"name": "residual", "blocks": [1], "channels": 8})", {1, 6, 6});
  const at::Tensor x = normal({2, 1, 6, 6}, 1).to(at::kFloat);
  const auto forward = [&] {
    auto generator = make_generator(1);
    return flow->forward(x, LogDet::training, generator);
  };
  const Mapped plain = forward();
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  const at::Tensor back = flow->settled()->inverse(plain.z);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const Mapped within = forward();
  const at::Tensor back_within = flow->settled()->inverse(plain.z);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  EXPECT_TRUE(at::equal(plain.z, within.z));
  EXPECT_TRUE(at::equal(back, back_within));
  EXPECT_TRUE(at::equal(plain.log_det, within.log_det));
}

// Row 3.1, with the trace taken over a basis instead of random signs: Lip(g) = 0.5, 30 terms.
TEST(ResidualLogDet, SeriesConvergesToTheDeterminant) {
  for (int64_t d = 2; d <= 8; ++d) {
    const auto layer = residual_layer(d, 1, std::cbrt(0.5), ResidualLogDet::exact);
    const ResidualBranch g = [&](const at::Tensor& y) { return mapped(*layer, y) - y; };
    const at::Tensor x = normal({1, d, 1, 1}, d);
    const at::Tensor basis = at::eye(d, kDoubles).view({d, d, 1, 1});
    const double series =
        estimated_log_det(g, x.expand({d, d, 1, 1}), basis, std::vector<double>(30, 1.0))
            .log_det.sum()
            .item<double>();
    const double exact = log_abs_det(*layer, x);
    EXPECT_NEAR(series, exact, 1e-6) << "d = " << d;
    EXPECT_NEAR(exact_log_det(g, x).log_det.item<double>(), exact, 1e-9);
    EXPECT_GT(std::abs(exact), 1e-3);
  }
}

// Value and gradient of the layer's estimate in many draws against those by the determinant.
struct Unbiasedness {
  double value, value_error, gradient, gradient_error;  // deviations and their standard errors
};

Unbiasedness deviation_of(ResidualLogDet kind, int64_t terms) {
  constexpr int64_t kCalls = 400, kRows = 25;
  const auto layer = residual_layer(4, 1, 0.9, kind, terms);
  const auto exact = residual_layer(4, 1, 0.9, ResidualLogDet::exact);
  for (const auto& of : {layer, exact}) {  // dg/dx near 0.9^3 I: all terms of the series count
    const at::NoGradGuard no_gradients;
    for (size_t i = 0; i < 6; i += 2) {
      const at::Tensor weight = of->parameters()[i].tensor;
      const int64_t tap = weight.size(2) / 2;
      weight.select(3, tap).select(2, tap).add_(8 * at::eye(weight.size(0), weight.size(1)));
    }
    of->initialise({});
  }
  auto generator = make_generator(7);
  const at::Tensor x = normal({1, 4, 1, 1}, 5).expand({kRows, 4, 1, 1});
  const auto gradient = [&](const ResidualLayer& of, const at::Tensor& log_det) {
    std::vector<at::Tensor> parameters;
    for (const auto& p : of.parameters()) parameters.push_back(p.tensor);
    const auto parts = torch::autograd::grad({log_det.mean()}, parameters, {}, {}, false, true);
    std::vector<at::Tensor> flat;
    for (size_t i = 0; i < parts.size(); ++i)  // the last bias is in no Jacobian
      flat.push_back((parts[i].defined() ? parts[i] : at::zeros_like(parameters[i])).flatten());
    return at::cat(flat).to(at::kDouble);
  };
  const at::Tensor truth = exact->forward(x, LogDet::training, generator).log_det;
  const at::Tensor slope = gradient(*exact, truth), direction = slope / slope.norm();
  std::vector<double> values, slopes;
  for (int64_t call = 0; call < kCalls; ++call) {
    const at::Tensor log_det = layer->forward(x, LogDet::training, generator).log_det;
    values.push_back(log_det.mean().item<double>());
    slopes.push_back(gradient(*layer, log_det).dot(direction).item<double>());
  }
  const auto error = [&](const std::vector<double>& of) {
    return at::tensor(of, kDoubles).std().item<double>() / std::sqrt(kCalls);
  };
  const auto mean = [&](const std::vector<double>& of) {
    return at::tensor(of, kDoubles).mean().item<double>();
  };
  return {mean(values) - truth[0].item<double>(), error(values),
          mean(slopes) - slope.norm().item<double>(), error(slopes)};
}

// Row 3.2: 400 draws of the number of terms, each with 25 of the signs.
TEST(ResidualLogDet, RouletteIsUnbiasedInValueAndGradient) {
  const Unbiasedness roulette = deviation_of(ResidualLogDet::roulette, 1);
  EXPECT_LT(std::abs(roulette.value), 4 * roulette.value_error);
  EXPECT_LT(std::abs(roulette.gradient), 4 * roulette.gradient_error);
  const Unbiasedness truncated = deviation_of(ResidualLogDet::series, 1);
  EXPECT_GT(std::abs(truncated.value), 4 * truncated.value_error) << "the test has no power";
  EXPECT_GT(std::abs(truncated.gradient), 4 * truncated.gradient_error) << "the test has no power";
}

TEST(ResidualLogDet, RouletteWeighsEachTermByOneOverTheChanceToReachIt) {
  auto generator = make_generator(1);
  const int64_t draws = 20000, terms = 8;
  at::Tensor sums = at::zeros({terms}, kDoubles);
  for (int64_t i = 0; i < draws; ++i) {
    const auto coefficients = roulette_coefficients(2, 0.7, generator);
    for (int64_t k = 0; k < std::min<int64_t>(terms, coefficients.size()); ++k)
      sums[k] += coefficients[k];
  }
  for (int64_t k = 0; k < terms; ++k) {  // of variance 1/P - 1
    const double deviation = std::sqrt((std::pow(0.7, -std::max<int64_t>(0, k - 1)) - 1) / draws);
    EXPECT_NEAR(sums[k].item<double>() / draws, 1, 4 * deviation + 1e-9);
  }
}

// Row 3.3.
TEST(ResidualFlow, InvertsItself) {
  const auto layer = residual_layer(2, 6, 0.9, ResidualLogDet::roulette);
  const at::Tensor x = 3 * normal({4, 2, 6, 6}, 1);
  EXPECT_GT(largest(mapped(*layer, x) - x), 0.1);
  EXPECT_LT(largest(layer->inverse(mapped(*layer, x)) - x), 1e-5);
  const at::Tensor single = x.to(at::kFloat);
  EXPECT_LT(largest(layer->inverse(mapped(*layer, single)) - single), 3e-5);
}

TEST(ResidualFlow, SaysWhenItCannotInvert) {
  const auto layer = residual_layer(2, 4, 0.9, ResidualLogDet::roulette);
  const at::NoGradGuard no_gradients;
  layer->parameters()[0].tensor.fill_(std::nan(""));
  EXPECT_THROW(layer->inverse(normal({1, 2, 4, 4}, 1)), Error);
}

TEST(SpectralNorm, IsTheOperatorsOnPaddedImages) {
  const at::Tensor kernel = normal({3, 2, 3, 3}, 1);
  const auto apply = [&](const at::Tensor& x) { return at::conv2d(x, kernel, {}, 1, 1); };
  const at::Tensor v = normal({1, 2, 4, 5}, 2);
  const at::Tensor matrix = jacobian(apply, v);  // [60, 40]
  const double exact = at::linalg_matrix_norm(matrix, 2).item<double>();
  EXPECT_NEAR(spectral_norm(kernel, converged(kernel, v / v.norm())).item<double>(), exact,
              1e-3 * exact);
  EXPECT_LE(spectral_norm(kernel, v / v.norm()).item<double>(), exact);
}

double lipschitz_constant(const Bijection& layer, int64_t channels, int64_t side) {
  double constant = 0;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    const at::Tensor x = normal({1, channels, side, side}, seed);
    const at::Tensor matrix =
        jacobian([&](const at::Tensor& y) { return mapped(layer, y) - y; }, x);
    constant = std::max(constant, at::linalg_matrix_norm(matrix, 2).item<double>());
  }
  return constant;
}

// Stale vectors after a jump of the weights: the bound fails silently, until they are refreshed.
TEST(ResidualFlow, StaysContractiveAfterLargeChangesOfItsWeights) {
  const double bound = std::pow(0.9, 3);
  const auto layer = residual_layer(2, 4, 0.9, ResidualLogDet::roulette);
  EXPECT_LT(lipschitz_constant(*layer, 2, 4), bound * 1.001);
  const at::NoGradGuard no_gradients;
  for (size_t i = 0; i < 6; i += 2) {
    const at::Tensor weight = layer->parameters()[i].tensor;
    weight.copy_(5 * normal(weight.sizes(), 100 + i).abs());
  }
  const at::AutoGradMode gradients(true);
  EXPECT_GT(lipschitz_constant(*layer, 2, 4), 1) << "the test has no power";
  EXPECT_LT(lipschitz_constant(*layer->settled(), 2, 4), bound * 1.001);
  for (const auto& [name, vector] : layer->state())
    EXPECT_NEAR(vector.norm().item<double>(), 1, 1e-5) << name;
  {
    const at::NoGradGuard no_gradients_here;
    for (int64_t step = 0; step < 60; ++step) layer->refresh();
  }
  EXPECT_LT(lipschitz_constant(*layer, 2, 4), bound * 1.001);
}

TEST(ResidualFlow, SettlingChangesNoState) {
  const auto layer = residual_layer(2, 4, 0.9, ResidualLogDet::roulette);
  scramble(*layer, 1, 8);
  const at::Tensor before = layer->state()[0].tensor.clone();
  layer->settled();
  EXPECT_TRUE(at::equal(layer->state()[0].tensor, before));
  const at::NoGradGuard no_gradients;
  layer->refresh();
  EXPECT_FALSE(at::equal(layer->state()[0].tensor, before));
}

}  // namespace
}  // namespace ornstein::nonlinear_flow
