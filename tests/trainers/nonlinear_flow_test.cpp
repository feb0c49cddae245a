#include "trainers/nonlinear_flow/nonlinear_flow_trainer.h"

#include <gtest/gtest.h>

#include "framework/base/errors.h"
#include "framework/diffusion/noise_levels.h"
#include "tests/support/serial_rows.h"
#include "tests/trainers/trainer_calls.h"
#include "trainers/nonlinear_flow/coupling_flow.h"
#include "trainers/nonlinear_flow/flow.h"
#include "trainers/nonlinear_flow/latent_bound.h"
#include "trainers/score/score_trainer.h"

namespace ornstein::nonlinear_flow {
namespace {

const auto kDoubles = at::dtype(at::kDouble);
const GaussianPath kPath = vp_path();

double at_time(const std::function<at::Tensor(const at::Tensor&)>& value, double t) {
  return value(at::full({1}, t, kDoubles)).item<double>();
}
double sigma_first() { return at_time(kPath.noise_ratio, kPath.t_min); }
double square_alpha_last() { return std::pow(at_time(kPath.alpha, 1), 2); }

// The exact noise predictor of N(0, S), as a network sees it, x_t and log sigma:
// E[e | y] = sigma (S + sigma^2)^-1 y.
DiffusionNetwork oracle(const at::Tensor& covariance) {
  const auto [values, vectors] = at::linalg_eigh(covariance);
  return
      [values = values, vectors = vectors](const at::Tensor& input, const at::Tensor& log_sigma) {
        const at::Tensor sigma = log_sigma.exp().unsqueeze(1);
        const at::Tensor y = input.flatten(1) * (1 + sigma.square()).sqrt();
        const at::Tensor shares = sigma / (values + sigma.square());
        return (y.matmul(vectors) * shares).matmul(vectors.t()).view_as(input);
      };
}

// Its error is e_hat - s c x_t where the oracle's score is off by c x.
DiffusionNetwork with_error(const DiffusionNetwork& exact, double c) {
  return [=](const at::Tensor& input, const at::Tensor& log_sigma) {
    const at::Tensor sigma = log_sigma.exp();
    return exact(input, log_sigma) -
           c * per_row(sigma * (1 + sigma.square()).rsqrt(), input) * input;
  };
}

// Rows (w, e) [4d, d] of 2d independent standard numbers, at which the mean of each quadratic form
// is its expectation.
struct Cubature {
  explicit Cubature(int64_t d) {
    const at::Tensor half = std::sqrt(2.0 * d) * at::eye(2 * d, kDoubles);
    const at::Tensor points = at::cat({half, -half});
    white = points.narrow(1, 0, d).contiguous(), noise = points.narrow(1, d, d).contiguous();
  }
  at::Tensor white, noise;
};

at::Tensor root_of(const at::Tensor& covariance) { return at::linalg_cholesky(covariance); }

at::Tensor as_images(const at::Tensor& rows) { return rows.view({rows.size(0), -1, 1, 1}); }

// E[bound] for data N(0, S) and h(x) = A x, A the weight of `map`: expectations by cubature, the
// integral over noise levels by the midpoint rule. Differentiable by A.
at::Tensor expected_bound(const InvertibleConvolution& map, const at::Tensor& covariance,
                          const DiffusionNetwork& network, int64_t levels = 2000) {
  auto generator = make_generator(1);
  const int64_t d = covariance.size(0);
  const Cubature cubature(d);
  const at::Tensor x = as_images(cubature.white.matmul(root_of(covariance).t()));
  const Mapped mapped = map.forward(x, LogDet::training, generator);
  const at::Tensor u = (at::arange(levels, kDoubles) + 0.5) / levels;
  const at::Tensor sigma = importance_sigmas(kPath, u).repeat_interleave(4 * d);
  const at::Tensor diffusion =
      diffusion_term(network, kPath, mapped.z.repeat({levels, 1, 1, 1}),
                     as_images(cubature.noise).repeat({levels, 1, 1, 1}), sigma);
  return diffusion.mean() + (prior_term(kPath, mapped.z) - mapped.log_det).mean() +
         constant_term(kPath, d) + residual_term(kPath, d);
}

struct LinearFlow {
  explicit LinearFlow(const at::Tensor& matrix) : map(matrix.size(0), false) {
    const at::NoGradGuard no_gradients;
    weight = map.parameters()[0].tensor;
    weight.copy_(matrix);
  }
  InvertibleConvolution map;
  at::Tensor weight;
};

double entropy(const at::Tensor& covariance) {
  const auto d = static_cast<double>(covariance.size(0));
  return d / 2 * std::log(2 * M_PI * M_E) +
         std::get<1>(at::linalg_slogdet(covariance)).item<double>() / 2;
}

const at::Tensor kCovariance =
    at::tensor({4.0, 0.5, 0.2, 0.5, 1.0, -0.3, 0.2, -0.3, 0.4}, kDoubles).view({3, 3});
const at::Tensor kMatrix =
    at::tensor({1.5, 0.5, 0.0, -0.25, 0.75, 0.25, 0.5, 0.0, -1.25}, kDoubles).view({3, 3});

double prior_gap(const at::Tensor& variances) {  // KL(p_T || N(0, I)) of independent numbers
  const at::Tensor v = square_alpha_last() * (variances - 1) + 1;
  return ((v - 1 - v.log()).sum() / 2).item<double>();
}

// Row 3.4.
TEST(LatentBound, OfTheExactScoreIsTheEntropy) {
  const LinearFlow flow(kMatrix);
  const at::Tensor latent = kMatrix.matmul(kCovariance).matmul(kMatrix.t());
  const double bound = expected_bound(flow.map, kCovariance, oracle(latent)).item<double>();
  EXPECT_NEAR(bound, entropy(kCovariance), 1e-4);
  // What is left: the prior's mismatch, and the decoder's, 1/2 log(1 + sigma_eps^2/lambda) each.
  const at::Tensor variances = at::linalg_eigvalsh(latent);
  const double decoder = (std::pow(sigma_first(), 2) / variances).log1p().sum().item<double>() / 2;
  EXPECT_NEAR(bound - entropy(kCovariance), prior_gap(variances) + decoder, 2e-6);
  EXPECT_NEAR(prior_gap(at::full({1}, 4, kDoubles)) / 4.2e-9, 1, 0.01);
}

TEST(LatentBound, EstimateIsUnbiased) {
  auto generator = make_generator(2);
  const LinearFlow flow(kMatrix);
  const at::Tensor x =
      as_images(at::randn({4000, 3}, generator, kDoubles).matmul(root_of(kCovariance).t()));
  const Mapped mapped = flow.map.forward(x, LogDet::evaluation, generator);
  const at::Tensor latent = kMatrix.matmul(kCovariance).matmul(kMatrix.t());
  const LatentBound bound = latent_bound(oracle(latent), kPath, mapped.z, 16, generator);
  const at::Tensor rows = (bound.total() - mapped.log_det).detach();
  const double error = rows.std().item<double>() / std::sqrt(4000.0);
  EXPECT_LT(error, 0.1);
  EXPECT_NEAR(rows.mean().item<double>(), entropy(kCovariance), 4 * error);
}

// Row 3.5: B = int beta and E|x_t|^2 = sum (lambda - 1) e^-B + 1 make the integral elementary.
TEST(LatentBound, GrowsByTheScoresError) {
  const double c = 0.3;
  const LinearFlow flow(kMatrix);
  const at::Tensor latent = kMatrix.matmul(kCovariance).matmul(kMatrix.t());
  const double exact = expected_bound(flow.map, kCovariance, oracle(latent)).item<double>();
  const double wrong =
      expected_bound(flow.map, kCovariance, with_error(oracle(latent), c)).item<double>();
  const auto integrated_beta = [](double t) { return t * (0.1 + t * 19.9 / 2); };
  const double first = integrated_beta(1e-5), last = integrated_beta(1);
  const double growth =
      c * c / 2 *
      ((latent.trace().item<double>() - 3) * (std::exp(-first) - std::exp(-last)) +
       3 * (last - first));
  EXPECT_NEAR((wrong - exact) / growth, 1, 0.01);
}

// Row 3.6.
TEST(LatentBound, ImportanceSamplesTheLikelihoodsTimes) {
  const auto configuration = Configuration::from_text(R"({"times": "importance"})", "test");
  const StandardDiffusion diffusion = read_standard_diffusion(configuration->root(), {"vp"});
  const auto time_of = [](const at::Tensor& sigma) {
    const at::Tensor integrated = sigma.square().log1p();
    return (-0.1 + (0.01 + 2 * 19.9 * integrated).sqrt()) / 19.9;
  };
  const at::Tensor ends = diffusion.training_sigmas(at::tensor({0.0, 0.5, 1.0}, kDoubles));
  const at::Tensor f = ends.square().log();  // log(e^B - 1)
  const double mass = (f[2] - f[0]).item<double>();
  EXPECT_NEAR(mass, 23.8645, 1e-3);
  EXPECT_NEAR(importance_mass(kPath), mass, 1e-9);
  EXPECT_NEAR(time_of(ends)[1].item<double>(), 0.11442, 1e-5);

  auto generator = make_generator(3);
  const at::Tensor drawn =
      mass / 2 * time_of(diffusion.training_sigmas(at::rand({100000}, generator, kDoubles)));
  const at::Tensor t = 1e-5 + (1 - 1e-5) * (at::arange(100000, kDoubles) + 0.5) / 100000;
  const at::Tensor beta = 0.1 + 19.9 * t, integrated = t * (0.1 + t * 19.9 / 2);
  const double quadrature = (beta / -(-integrated).expm1() * t).mean().item<double>() / 2;
  EXPECT_NEAR(drawn.mean().item<double>(), quadrature,
              4 * drawn.std().item<double>() / std::sqrt(100000.0));
}

// Row 3.7. Isotropic data do not notice an orthogonal map; nor does any score that is isotropic,
// right or wrong, so that the slope along rotations (the antisymmetric part of A^T grad) is 0. With
// the exact score the bound is at its minimum, and the whole slope is.
TEST(LatentBound, IsFlatInOrthogonalMapsOfIsotropicData) {
  auto generator = make_generator(4);
  const at::Tensor q =
      std::get<0>(at::linalg_qr(at::randn({3, 3}, generator, kDoubles))).to(at::kFloat);
  const at::Tensor identity = at::eye(3, kDoubles);
  const auto slope = [&](const DiffusionNetwork& network) {
    LinearFlow flow(q);
    return torch::autograd::grad({expected_bound(flow.map, 4 * identity, network)},
                                 {flow.weight})[0]
        .to(at::kDouble);
  };
  EXPECT_LT(slope(oracle(4 * identity)).abs().max().item<double>(), 1e-4);
  const at::Tensor wrong = q.to(at::kDouble).t().matmul(slope(oracle(2 * identity)));
  EXPECT_LT((wrong - wrong.t()).abs().max().item<double>(), 1e-4);
  EXPECT_GT((wrong + wrong.t()).abs().max().item<double>(), 0.1);
}

TEST(LatentBound, PriorIsTheMeanOverTheLastState) {
  auto generator = make_generator(5);
  const at::Tensor z = 100 * at::randn({1, 2, 2, 2}, generator, kDoubles);
  const double alpha = at_time(kPath.alpha, 1), sigma = at_time(kPath.sigma, 1);
  const at::Tensor last = alpha * z + sigma * at::randn({20000, 2, 2, 2}, generator, kDoubles);
  const at::Tensor sampled = (last.square().flatten(1).sum(1) + 8 * std::log(2 * M_PI)) / 2;
  EXPECT_NEAR(prior_term(kPath, z).item<double>(), sampled.mean().item<double>(),
              4 * sampled.std().item<double>() / std::sqrt(20000.0));
}

// Kingma et al. 2021: KL(q(z_1|z) || N(0, I)) and the decoder's loss, in their own closed forms,
// are what prior, constant and residual add up to.
TEST(LatentBound, TermsOutsideTheIntegralAreThoseOfTheVariationalBound) {
  const at::Tensor z = at::tensor({0.3, -2.0, 1.1, 0.0, 5.0}, kDoubles).view({1, 5, 1, 1});
  const double alpha = at_time(kPath.alpha, 1), sigma = at_time(kPath.sigma, 1);
  const double kl = alpha * alpha / 2 * z.square().sum().item<double>() +
                    5.0 / 2 * (sigma * sigma - 1 - std::log(sigma * sigma));
  const double decoder = 5.0 / 2 * std::log(2 * M_PI * M_E * std::pow(sigma_first(), 2));
  EXPECT_NEAR(
      prior_term(kPath, z).item<double>() + constant_term(kPath, 5) + residual_term(kPath, 5),
      kl + decoder, 1e-9);
}

// A mean in one term and a sum in another: four times the pixels give four times each term.
TEST(LatentBound, EachTermGrowsWithTheImage) {
  auto generator = make_generator(6);
  const DiffusionNetwork network = [](const at::Tensor& input, const at::Tensor&) {
    return 0.5 * input;
  };
  const at::Tensor z = at::randn({2, 4, 3, 3}, generator, kDoubles);
  const at::Tensor noise = at::randn({2, 4, 3, 3}, generator, kDoubles);
  const at::Tensor sigma = at::tensor({0.1, 2.0}, kDoubles);
  const auto tiled = [](const at::Tensor& x) { return x.repeat({1, 1, 2, 2}); };
  const auto expect_four = [](const at::Tensor& large, const at::Tensor& small) {
    EXPECT_LT((large - 4 * small).abs().max().item<double>(), 1e-4);
  };
  expect_four(diffusion_term(network, kPath, tiled(z), tiled(noise), sigma),
              diffusion_term(network, kPath, z, noise, sigma));
  expect_four(prior_term(kPath, tiled(z)), prior_term(kPath, z));
  EXPECT_NEAR(constant_term(kPath, 4), 4 * constant_term(kPath, 1), 1e-9);
  EXPECT_NEAR(residual_term(kPath, 4), 4 * residual_term(kPath, 1), 1e-9);
  ActNorm actnorm(4);
  InvertibleConvolution convolution(4, false);
  {
    const at::NoGradGuard no_gradients;
    actnorm.parameters()[1].tensor.fill_(0.3);
    convolution.parameters()[0].tensor.mul_(1.7);
  }
  for (const Bijection* layer :
       {static_cast<Bijection*>(&actnorm), static_cast<Bijection*>(&convolution)})
    expect_four(layer->forward(tiled(z), LogDet::training, generator).log_det,
                layer->forward(z, LogDet::training, generator).log_det);
}

// With the score of N(0, I) fixed, the bound is least, and equal to the entropy, for a flow that
// whitens the data: the flow must learn that from its own gradient.
void expect_to_whiten(const std::string& section) {
  const int64_t updates = 150, rows = 128;
  const at::Tensor covariance = at::tensor({1.0, 0.6, 0.6, 0.7}, kDoubles).view({2, 2});
  const DiffusionNetwork network = oracle(at::eye(2, kDoubles));
  const auto configuration = Configuration::from_text(section, "test");
  seed_default_generators(1);
  const auto flow = read_flow(configuration->root(), {2, 1, 1});
  auto generator = make_generator(8);
  const auto data = [&](int64_t n) {
    return as_images(at::randn({n, 2}, generator, kDoubles).matmul(root_of(covariance).t()));
  };
  flow->initialise(data(256));
  std::vector<at::Tensor> parameters;
  for (const auto& p : flow->parameters()) parameters.push_back(p.tensor);
  torch::optim::Adam adam(parameters, torch::optim::AdamOptions(1e-2));
  for (int64_t n = 0; n < updates; ++n) {
    {
      const at::NoGradGuard no_gradients;
      flow->refresh();
    }
    const Mapped mapped = flow->forward(data(rows), LogDet::training, generator);
    const at::Tensor sigma =
        importance_sigmas(kPath, stratified_uniforms(0, rows, rows, generator));
    const at::Tensor noise = at::randn(mapped.z.sizes(), generator, kDoubles);
    const at::Tensor bound = diffusion_term(network, kPath, mapped.z, noise, sigma) +
                             prior_term(kPath, mapped.z) - mapped.log_det;
    adam.zero_grad();
    bound.mean().backward();
    for (auto& group : adam.param_groups())
      static_cast<torch::optim::AdamOptions&>(group.options()).lr(1e-2 * (1 - double(n) / updates));
    adam.step();
  }
  const at::NoGradGuard no_gradients;
  const auto settled = flow->settled();
  const Mapped mapped = settled->forward(data(20000), LogDet::evaluation, generator);
  // The bound of a reversal that is exact is tight row by row, and free of noise in closed form.
  const at::Tensor nll =
      mapped.z.square().flatten(1).sum(1) / 2 + std::log(2 * M_PI) - mapped.log_det;
  EXPECT_NEAR(nll.mean().item<double>(), entropy(covariance), 0.04);
}

TEST(CouplingFlow, LearnsToWhitenByTheBound) {
  expect_to_whiten(R"({"name": "coupling", "blocks": [2], "channels": 16})");
}

TEST(ResidualFlow, LearnsToWhitenByTheBound) {
  expect_to_whiten(R"({"name": "residual", "blocks": [2], "channels": 16})");
}

// The trainer.

const char* const kNetwork = R"("network": {
  "name": "unet", "block_out_channels": [8, 8], "add_attention": false,
  "down_block_types": ["DownBlock2D", "DownBlock2D"]})";

std::string configured(const std::string& keys, const std::string& flow) {
  return fmt::format(R"({{"trainer": {{"steps": 3, "nll_rows": 4, "nll_steps": 4{}}}, {}{}}})",
                     keys, flow.empty() ? "" : "\"flow\": " + flow + ", ", kNetwork);
}

const std::string kImportance = R"(, "times": "importance")";
const std::string kIdentity = R"({"name": "identity"})";
const std::string kCoupling = R"({"name": "coupling", "blocks": [0, 1], "channels": 8})";
const std::string kResidual = R"({"name": "residual", "blocks": [1], "channels": 4})";

template <class Method>
struct Fixture {
  Fixture(const std::string& json, const Dataset& data)
      : configuration(Configuration::from_text(json, "test")) {
    seed_default_generators(1);
    trainer = std::make_unique<Method>(configuration->root(), data.spec());
    configuration->refuse_unknown_keys();
    const at::NoGradGuard no_gradients;
    trainer->fit(data, serial_rows());
  }
  std::unique_ptr<Configuration> configuration;
  std::unique_ptr<Method> trainer;
};
using FlowFixture = Fixture<NonlinearFlowTrainer>;

MemoryDataset continuous_images(int64_t rows, int64_t size) {
  auto generator = make_generator(9);
  return {"images", at::randn({rows, 1, size, size}, generator) * 2 + 5};
}

at::Tensor parameter(Trainer& trainer, const std::string& group, const std::string& name) {
  for (const auto& g : trainer.parameters())
    for (const auto& p : g.parameters)
      if (g.name == group && p.name == name) return p.tensor;
  ADD_FAILURE() << "no parameter " << group << "/" << name;
  return {};
}

// Row 3.8: loss, gradients, a step, samples and likelihood, in either mode.
TEST(NonlinearFlowTrainer, WithTheIdentityIsTheScoreTrainerBitForBit) {
  const MemoryDataset data = grey_images(12, 8);
  for (const bool fid : {false, true}) {
    const std::string times = fid ? "" : kImportance;
    Fixture<score::ScoreTrainer> plain(configured(R"(, "path": "vp")" + times, ""), data);
    FlowFixture flow(configured(times + (fid ? R"(, "mode": "fid")" : R"(, "mode": "nll")") +
                                    R"(, "bound_rows": 4, "bound_draws": 1)",
                                kIdentity),
                     data);
    ASSERT_EQ(flow.trainer->parameters().size(), 1);
    auto mine = flow.trainer->parameters()[0].parameters;
    auto theirs = plain.trainer->parameters()[0].parameters;
    ASSERT_EQ(mine.size(), theirs.size());
    for (int64_t step = 0; step < 2; ++step) {
      const at::Tensor x = data.rows(at::arange(6) + 6 * step).x;
      const Loss a = shard_loss(*flow.trainer, x, step, 2, data);
      const Loss b = shard_loss(*plain.trainer, x, step, 2, data);
      EXPECT_TRUE(at::equal(a.sum, b.sum));
      a.sum.backward(), b.sum.backward();
      const at::NoGradGuard no_gradients;
      for (size_t i = 0; i < mine.size(); ++i) {
        EXPECT_TRUE(at::equal(mine[i].tensor.grad(), theirs[i].tensor.grad())) << mine[i].name;
        mine[i].tensor.sub_(1e-2 * mine[i].tensor.grad());
        theirs[i].tensor.sub_(1e-2 * theirs[i].tensor.grad());
      }
    }
    auto one = make_generator(3), other = make_generator(3);
    EXPECT_TRUE(at::equal(flow.trainer->sample({0, 3, 4, {}}, one).x,
                          plain.trainer->sample({0, 3, 4, {}}, other).x));
    const auto a = flow.trainer->evaluate({data}, serial_rows());
    const auto b = plain.trainer->evaluate({data}, serial_rows());
    for (const char* name : {"denoising_loss", "nll", "nll_bits_per_dim"})
      EXPECT_EQ(figure(a, name).value, figure(b, name).value) << name;
  }
}

TEST(NonlinearFlowTrainer, LossIsTheSumOfTheTermsInTheLog) {
  const MemoryDataset data = grey_images(8, 8);
  for (const std::string& section : {kCoupling, kResidual}) {
    FlowFixture fixture(configured(kImportance, section), data);
    const Loss loss = shard_loss(*fixture.trainer, data.rows(at::arange(8)).x, 0, 1, data);
    double sum = 0;
    for (const Term& term : loss.terms) sum += term.sum.item<double>();
    EXPECT_NEAR(loss.sum.item<double>() * importance_mass(kPath) / 2, sum, 1e-3 * std::abs(sum));
    loss.sum.backward();
    for (const auto& group : fixture.trainer->parameters()) {
      double squares = 0;
      for (const auto& p : group.parameters)
        if (p.tensor.grad().defined()) squares += p.tensor.grad().square().sum().item<double>();
      EXPECT_GT(squares, 0) << group.name;
    }
  }
}

TEST(NonlinearFlowTrainer, FidModeTrainsFlowAndScoreInTurn) {
  const MemoryDataset data = grey_images(8, 8);
  FlowFixture fixture(configured(R"(, "mode": "fid")", kCoupling), data);
  const auto step = [&](int64_t number) { return Step{number, 0, 1, make_generator(7), data}; };
  EXPECT_EQ(fixture.trainer->begin_step(step(4)).groups, std::vector<std::string>{"flow"});
  EXPECT_EQ(fixture.trainer->begin_step(step(5)).groups, std::vector<std::string>{"score"});
  const Batch batch = data.rows(at::arange(8));
  const Loss score = fixture.trainer->loss(batch, step(5));
  EXPECT_EQ(score.terms.size(), 1);
  score.sum.backward();
  const auto groups = fixture.trainer->parameters();
  for (const auto& p : groups[1].parameters) EXPECT_FALSE(p.tensor.grad().defined()) << p.name;
  const Loss flow = fixture.trainer->loss(batch, step(4));
  EXPECT_EQ(flow.terms.size(), 3);
  flow.sum.backward();
  EXPECT_GT(parameter(*fixture.trainer, "flow", "1.log_scale").grad().abs().sum().item<double>(),
            0);
}

// The flow is always trained by the likelihood, whatever the score network's times.
TEST(NonlinearFlowTrainer, FidModeTrainsTheFlowByTheBoundOfModeNll) {
  const MemoryDataset data = grey_images(8, 8);
  FlowFixture fid(configured(R"(, "mode": "fid")", kCoupling), data);
  FlowFixture nll(configured(kImportance, kCoupling), data);
  const auto loss = [&](FlowFixture& of, int64_t number) {
    const Step step{number, 0, 1, make_generator(7), data};
    return of.trainer->loss(data.rows(at::arange(8)), step).sum;
  };
  EXPECT_TRUE(at::equal(loss(fid, 2), loss(nll, 2)));
  EXPECT_FALSE(at::equal(loss(fid, 3), loss(nll, 3)));
}

// The untrained network predicts no noise, whatever the latents, so a latent twice as large is told
// by the log-determinant alone (and by alpha_1^2 in the prior); and a sample is half as far from
// the mean.
TEST(NonlinearFlowTrainer, LargerLatentsHaveALargerLogDeterminantAndTheSamplesUndoIt) {
  const MemoryDataset data = continuous_images(16, 8);
  FlowFixture fixture(configured(kImportance, kCoupling), data);
  const auto mean = fixture.trainer->state()[0].tensor.item<double>();
  const auto draw = [&] {
    auto generator = make_generator(3);
    return fixture.trainer->sample({0, 3, 4, {}}, generator).x - mean;
  };
  const auto loss = [&] {  // of a row
    return shard_loss(*fixture.trainer, data.rows(at::arange(16)).x, 0, 1, data)
               .sum.item<double>() /
           16;
  };
  const auto before = fixture.trainer->evaluate({data}, serial_rows());
  parameter(*fixture.trainer, "flow", "1.bias").detach().zero_();
  const at::Tensor drawn = draw();
  const double loss_before = loss();
  parameter(*fixture.trainer, "flow", "1.log_scale").detach().add_(std::log(2.0));
  const double loss_change = loss() - loss_before;
  const auto after = fixture.trainer->evaluate({data}, serial_rows());
  const auto change = [&](const char* name) {
    return figure(after, name).value - figure(before, name).value;
  };
  EXPECT_NEAR(change("bound_log_det"), -64 * std::log(2.0), 1e-3);
  EXPECT_NEAR(change("bound_diffusion"), 0, 1e-3);
  EXPECT_NEAR(change("bound_prior"), 64 * 3 * square_alpha_last() / 2, 1e-3);
  EXPECT_NEAR(figure(after, "latent_square").value, 4, 0.2);
  // What trains is the bound a dimension, over Z/2.
  EXPECT_NEAR(loss_change * importance_mass(kPath) / 2,
              -std::log(2.0) + 3 * square_alpha_last() / 2, 1e-3);
  // Without noise predicted the ODE stands still, and ends at N(0, 80^2 + 1).
  EXPECT_NEAR(change("nll"), -64 * std::log(2.0) + 64 * 3 / (2 * 6401.0), 0.05);
  EXPECT_LT((draw() * 2 - drawn).abs().max().item<double>(), 1e-3);
}

// Weights that the flow's power iteration has never seen; its vectors before and after `steps`.
struct Jump {
  explicit Jump(const std::string& keys = kImportance)
      : data(continuous_images(16, 8)), fixture(configured(keys, kResidual), data) {
    const at::NoGradGuard no_gradients;
    auto generator = make_generator(11);
    for (const char* name : {"0.conv1.weight", "0.conv2.weight", "0.conv3.weight"}) {
      const at::Tensor weight = parameter(*fixture.trainer, "flow", name);
      weight.copy_(5 * at::randn(weight.sizes(), generator).abs());
    }
  }
  void steps(int64_t first, int64_t count) {
    for (int64_t n = first; n < first + count; ++n)
      fixture.trainer->begin_step({n, 0, 1, make_generator(7), data});
  }
  std::vector<at::Tensor> vectors() {
    std::vector<at::Tensor> copies;
    for (const auto& [name, tensor] : fixture.trainer->state())
      if (name.starts_with("flow.") && name.find("vector") != std::string::npos)
        copies.push_back(tensor.clone());
    return copies;
  }
  MemoryDataset data;
  FlowFixture fixture;
};

TEST(NonlinearFlowTrainer, EveryStepIteratesTheVectorsOfItsLipschitzBounds) {
  for (const std::string& keys : {kImportance, std::string(R"(, "mode": "fid")")}) {
    Jump jump(keys);
    for (const int64_t step : {4, 5}) {  // in mode fid of the flow, and of the score network
      const auto before = jump.vectors();
      jump.steps(step, 1);
      const auto after = jump.vectors();
      ASSERT_EQ(after.size(), 3);
      for (size_t i = 0; i < after.size(); ++i) {
        EXPECT_FALSE(after[i].equal(before[i])) << i;
        EXPECT_NEAR(after[i].norm().item<double>(), 1, 1e-5) << i;
      }
    }
  }
}

// 300 steps leave nothing to settle. Before them the vectors are those of other weights, and the
// bound they give is none.
TEST(NonlinearFlowTrainer, SamplesAndFiguresAreThoseOfTheSettledFlow) {
  Jump jump(kImportance + R"(, "bound_rows": 16, "bound_draws": 2)");
  const auto draw = [&] {
    auto generator = make_generator(3);
    return jump.fixture.trainer->sample({0, 3, 4, {}}, generator).x;
  };
  const auto figures = [&] { return jump.fixture.trainer->evaluate({jump.data}, serial_rows()); };
  const auto stale = jump.vectors();
  const at::Tensor samples = draw();
  const auto of_stale = figures();
  for (size_t i = 0; i < stale.size(); ++i)
    EXPECT_TRUE(stale[i].equal(jump.vectors()[i])) << "only a step may change the state";

  jump.steps(0, 300);
  for (size_t i = 0; i < stale.size(); ++i)
    EXPECT_LT((stale[i] * jump.vectors()[i]).sum().abs().item<double>(), 0.9) << "has no power";
  EXPECT_LT((draw() - samples).abs().max().item<double>(), 1e-2 * samples.std().item<double>());
  for (const Figure& settled : figures()) {
    const double value = figure(of_stale, settled.name).value;
    EXPECT_NEAR(value, settled.value, 2e-3 * std::abs(settled.value) + 1e-3) << settled.name;
  }
}

TEST(NonlinearFlowTrainer, FiguresOfTheBoundAddUp) {
  const MemoryDataset data = grey_images(8, 8);
  FlowFixture fixture(configured(kImportance + R"(, "bound_rows": 8, "bound_draws": 2)", kResidual),
                      data);
  const auto figures = fixture.trainer->evaluate({data}, serial_rows());
  double sum = 0;
  for (const char* name :
       {"bound_log_det", "bound_diffusion", "bound_prior", "bound_constant", "bound_residual"})
    sum += figure(figures, name).value;
  const double bound = figure(figures, "nll_bound").value;
  EXPECT_NEAR(bound, sum, 1e-6 * std::abs(bound));
  EXPECT_NEAR(figure(figures, "nll_bound_bits_per_dim").value,
              (bound / 64 + std::log(127.5)) / std::log(2.0), 1e-6);
}

// Data of mean 5 and deviation 2: after fit() the flow is nearly the identity, and what the
// log-determinant tells is the unit of the data.
TEST(NonlinearFlowTrainer, CountsTheStandardisationInTheLogDeterminant) {
  const MemoryDataset data = continuous_images(64, 8);
  FlowFixture fixture(configured(kImportance + R"(, "bound_rows": 1, "bound_draws": 1)", kCoupling),
                      data);
  const auto figures = fixture.trainer->evaluate({data}, serial_rows());
  // - log |det| of x -> (x - 5)/2 over 64 pixels; 4096 numbers know log std to 1/sqrt(8192).
  EXPECT_NEAR(figure(figures, "bound_log_det").value / 64, std::log(2.0), 4 / std::sqrt(8192.0));
}

TEST(NonlinearFlowTrainer, RefusesWrongPairings) {
  const MemoryDataset images = grey_images(4, 12), odd = grey_images(4, 10);
  auto generator = make_generator(1);
  const MemoryDataset points("points", at::randn({4, 2}, generator));
  const auto refuses = [&](const std::string& keys, const std::string& flow, const Dataset& data) {
    EXPECT_THROW(FlowFixture(configured(keys, flow), data), ConfigError) << keys << " " << flow;
  };
  refuses(kImportance, kIdentity, points);
  refuses(kImportance, R"({"name": "coupling", "blocks": [0, 1, 1, 1]})", images);
  refuses(kImportance, R"({"name": "residual", "blocks": [1, 1, 1]})", odd);
  refuses(kImportance, R"({"name": "coupling", "blocks": [1, 1]})", images);
  refuses(kImportance, R"({"name": "coupling", "blocks": [0, 0]})", images);
  refuses(kImportance, R"({"name": "coupling", "blocks": []})", images);
  refuses(kImportance, R"({"name": "planar"})", images);
  refuses(kImportance, R"({"name": "residual", "lipschitz": 1})", images);
  refuses(kImportance + R"(, "prediction": "v")", kIdentity, images);
  refuses(kImportance + R"(, "path": "edm")", kIdentity, images);
  refuses(R"(, "times": "uniform")", kIdentity, images);  // in mode nll
  refuses("", R"({"name": "residual", "lipschitz": 0.99})", images);
}

}  // namespace
}  // namespace ornstein::nonlinear_flow
