#include "framework/math/gaussian_field.h"

#include <gtest/gtest.h>

#include "framework/base/errors.h"
#include "framework/base/random.h"
#include "framework/math/karhunen_loeve.h"

namespace ornstein {
namespace {

at::Tensor line(int64_t n) { return at::linspace(0, 1, n, at::kDouble).unsqueeze(1); }

at::Tensor circle(int64_t n) {
  return (at::arange(n, at::kDouble) / static_cast<double>(n)).unsqueeze(1);
}

at::Tensor scattered(int64_t n) {  // sorted, of uneven gaps
  auto generator = make_generator(5);
  return (at::rand({n}, generator, at::kDouble) + 0.05).cumsum(0).unsqueeze(1) * 0.02;
}

at::Tensor plane(const at::Tensor& x, const at::Tensor& y) {  // [n, 1] and [m, 1] -> [n, m, 2]
  return at::stack(at::meshgrid({x.flatten(), y.flatten()}, "ij"), -1);
}

Kernel kernel(const std::string& name, double length, double nu = 1.5,
              const std::vector<double>& period = {}) {
  return {.name = name, .variance = 1.7, .length = length, .nu = nu, .period = period};
}

double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

at::Tensor matrix(const Kernel& kernel, const at::Tensor& coordinates) {
  const at::Tensor x = coordinates.flatten(0, -2);
  return covariance_matrix(kernel, x, x);
}

// A A^T from what the factor makes of all unit functions.
at::Tensor matrix(const GaussianField& field, const at::Tensor& coordinates) {
  auto shape = coordinates.sizes().slice(0, coordinates.dim() - 1).vec();
  const int64_t n = coordinates.numel() / coordinates.size(-1);
  shape.insert(shape.begin(), n);
  const at::Tensor a = field.colour(at::eye(n, at::kDouble).reshape(shape)).flatten(1);
  return a.t().matmul(a);
}

template <class Factor>
bool drawn_by(const GaussianField& field) {
  return std::holds_alternative<Factor>(field.factor());
}

struct Case {
  std::string name;
  Kernel kernel;
  at::Tensor coordinates;
  bool (*chosen)(const GaussianField&);
};

class EveryField : public testing::TestWithParam<Case> {
 protected:
  const Kernel& kernel() const { return GetParam().kernel; }
  const at::Tensor& coordinates() const { return GetParam().coordinates; }
  int64_t points() const { return coordinates().numel() / coordinates().size(-1); }
  std::vector<int64_t> rows(int64_t count) const {
    auto shape = coordinates().sizes().slice(0, coordinates().dim() - 1).vec();
    shape.insert(shape.begin(), count);
    return shape;
  }
  const GaussianField field = GaussianField::on(kernel(), coordinates());
};
INSTANTIATE_TEST_SUITE_P(
    Fields, EveryField,
    testing::Values(
        Case{"White", kernel("white", 1), line(20), drawn_by<WhiteFactor>},
        Case{"Markov", kernel("exponential", 0.1), scattered(40), drawn_by<MarkovFactor>},
        Case{"MarkovFalling", kernel("matern", 0.1, 0.5), line(33).flip(0), drawn_by<MarkovFactor>},
        Case{"Dense", kernel("matern", 0.2, 2.5), scattered(40), drawn_by<CholeskyFactor>},
        Case{"DenseSmooth", kernel("squared_exponential", 0.1), line(40), drawn_by<CholeskyFactor>},
        Case{"DenseOnACircle", kernel("exponential", 0.2, 0, {1}), scattered(30) / 2,
             drawn_by<CholeskyFactor>},
        Case{"Circle", kernel("matern", 0.2, 1.5, {1}), circle(31), drawn_by<CirculantFactor>},
        Case{"SmoothCircle", kernel("squared_exponential", 0.1, 0, {1}), circle(32),
             drawn_by<CirculantFactor>},
        Case{"Torus", kernel("exponential", 0.3, 0, {1, 2}), plane(circle(6), 2 * circle(9)),
             drawn_by<CirculantFactor>},
        Case{"Cylinder", kernel("matern", 0.3, 1.5, {1, 0}), plane(circle(6), line(5)),
             drawn_by<CholeskyFactor>},
        Case{"Embedded", kernel("matern", 0.1), line(600), drawn_by<CirculantFactor>},
        Case{"EmbeddedPlane", kernel("squared_exponential", 0.2), plane(line(23), line(24) * 2),
             drawn_by<CirculantFactor>},
        Case{"EmbeddedCylinder", kernel("matern", 0.2, 1.5, {0, 1}), plane(line(30), circle(20)),
             drawn_by<CirculantFactor>}),
    [](const auto& info) { return info.param.name; });

TEST_P(EveryField, DrawsHaveTheKernelsCovariance) {
  ASSERT_TRUE(GetParam().chosen(field));
  const int64_t draws = 4000;
  auto generator = make_generator(1);
  const at::Tensor f = field.draw(draws, generator);
  ASSERT_EQ(f.sizes(), at::IntArrayRef(rows(draws)));
  ASSERT_EQ(f.scalar_type(), at::kFloat);
  const at::Tensor chosen = at::arange(0, points(), std::max<int64_t>(points() / 13, 1), at::kLong);
  const at::Tensor values = f.flatten(1).index_select(1, chosen).to(at::kDouble);
  const at::Tensor x = coordinates().flatten(0, -2).index_select(0, chosen);
  const at::Tensor k = covariance_matrix(kernel(), x, x);
  const at::Tensor variance = k.diagonal().unsqueeze(0) * k.diagonal().unsqueeze(1) + k.square();
  const at::Tensor error = (values.t().matmul(values) / draws - k) / (variance / draws).sqrt();
  EXPECT_LT(largest(error), 5);
  EXPECT_LT(largest(values.mean(0) / (k.diagonal() / draws).sqrt()), 5);
}

TEST_P(EveryField, FactorsTheKernelsMatrix) {
  const at::Tensor error = matrix(field, coordinates()) - matrix(kernel(), coordinates());
  EXPECT_LT(largest(error), 2 * kJitter * 2);  // two of the jitter at variances below 2
  EXPECT_LT(largest(error - at::diag(error.diagonal())), 1e-13);
}

TEST_P(EveryField, WhitenUndoesColour) {
  auto generator = make_generator(2);
  const at::Tensor z = at::randn(rows(3), generator, at::kDouble);
  const at::Tensor f = field.colour(z);
  EXPECT_LT(largest(field.whiten(f) - z), 1e-8);
  EXPECT_LT(largest(field.cameron_martin(f) - z.square().flatten(1).sum(1)), 1e-6);
}

TEST_P(EveryField, DrawsAreWhitenedByTheSameFactor) {
  auto generator = make_generator(3);
  const int64_t draws = 200;
  const at::Tensor norm = field.cameron_martin(field.draw(draws, generator)).to(at::kDouble);
  const double n = static_cast<double>(points());
  EXPECT_NEAR(norm.mean().item<double>(), n, 5 * std::sqrt(2 * n / draws) + 1e-3 * n);
}

TEST_P(EveryField, GradientOfTheCameronMartinNormIsTwiceTheInverse) {
  auto generator = make_generator(4);
  const at::Tensor f = field.colour(at::randn(rows(2), generator, at::kDouble)).requires_grad_();
  const at::Tensor gradient = torch::autograd::grad({field.cameron_martin(f).sum()}, {f})[0];
  const at::Tensor k = matrix(field, coordinates());
  EXPECT_LT(largest(gradient.flatten(1).matmul(k) - 2 * f.flatten(1)), 1e-5);
}

TEST_P(EveryField, TakesFloat32AndABatchOfChannels) {
  auto generator = make_generator(6);
  const GaussianField single = GaussianField::on(kernel(), coordinates().to(at::kFloat));
  EXPECT_EQ(single.factor().index(), field.factor().index());
  auto shape = rows(2);
  shape.insert(shape.begin() + 1, 3);
  const at::Tensor f = field.draw(6, generator).reshape(shape);
  EXPECT_EQ(field.whiten(f).sizes(), f.sizes());
  EXPECT_EQ(field.whiten(f).scalar_type(), at::kFloat);
  EXPECT_EQ(field.cameron_martin(f).sizes(), at::IntArrayRef({2, 3}));
}

TEST(GaussianField, DrawsAreAFunctionOfTheGenerator) {
  const auto field = GaussianField::on(kernel("matern", 0.1, 1.5, {1}), circle(64));
  auto one = make_generator(7), two = make_generator(7), other = make_generator(8);
  EXPECT_TRUE(at::equal(field.draw(3, one), field.draw(3, two)));
  EXPECT_GT(largest(field.draw(3, one) - field.draw(3, other)), 0.1);
}

TEST(GaussianField, MadeWhileSamplingServesInTraining) {
  std::optional<GaussianField> dense, embedded;
  {
    const c10::InferenceMode inference;
    dense = GaussianField::on(kernel("matern", 0.1), line(20));
    embedded = GaussianField::on(kernel("matern", 0.1), line(520));
    embedded->whiten(at::zeros({1, 520}));
  }
  for (const auto& [field, n] : {std::pair{*dense, 20}, {*embedded, 520}}) {
    const at::Tensor f = at::ones({1, n}).requires_grad_();
    EXPECT_TRUE(torch::autograd::grad({field.cameron_martin(f).sum()}, {f})[0].defined());
  }
}

TEST(GaussianField, MarkovDenseAndCirculantFactorsAreOneLaw) {
  const Kernel exponential = kernel("exponential", 0.1);
  const at::Tensor markov = matrix(GaussianField::on(exponential, line(50)), line(50));
  const auto dense = CholeskyFactor::on(exponential, line(50));
  EXPECT_LT(largest(markov - dense.lower.matmul(dense.lower.t())), 2 * dense.jitter);
  // A long circle's arc is a line.
  const auto circulant =
      GaussianField::on(kernel("exponential", 0.1, 0, {10}), 10 * circle(490));  // gaps of 1/49
  ASSERT_TRUE(drawn_by<CirculantFactor>(circulant));
  const at::Tensor arc = matrix(circulant, 10 * circle(490)).slice(0, 0, 50).slice(1, 0, 50);
  EXPECT_LT(largest(markov - arc), 2 * dense.jitter);
}

// F2
TEST(GaussianField, RefiningTheGridKeepsTheLawAtTheCoarsePoints) {
  for (const auto& name : kernel_names()) {
    const at::Tensor fine = matrix(kernel(name, 0.1), line(65));
    const at::Tensor there = fine.slice(0, 0, 65, 2).slice(1, 0, 65, 2);
    EXPECT_LT(largest(there - matrix(kernel(name, 0.1), line(33))), 1e-14) << name;
  }
}

double variance_of_the_integral(const std::string& name, int64_t n) {
  const auto field = GaussianField::on({.name = name}, line(n));
  const at::Tensor weights = Grid::of(line(n), {})->weights();
  return weights.dot(matrix(field, line(n)).matmul(weights)).item<double>();
}

TEST(GaussianField, IntegralHasOneVarianceOnEveryGrid) {
  const double limit = 2 * 0.1 - 2 * 0.1 * 0.1 * (1 - std::exp(-10));
  EXPECT_NEAR(limit, 0.180001, 5e-7);
  const double coarse = variance_of_the_integral("exponential", 101) - limit;
  const double fine = variance_of_the_integral("exponential", 201) - limit;
  EXPECT_LT(std::abs(fine), 1e-4);
  EXPECT_NEAR(coarse / fine, 4, 0.02);
}

TEST(GaussianField, WhiteNoiseHasNoIntegral) {
  for (int64_t n : {101, 201})  // the two ends count half
    EXPECT_NEAR(variance_of_the_integral("white", n) * static_cast<double>(n - 1), 1, 1.0 / n);
}

// F4: ones on a line, and x, whose norm is known in the limit.
TEST(GaussianField, CameronMartinNormHasItsClosedForm) {
  for (const auto& [n, value] :
       {std::pair<int64_t, double>{64, 5.98953}, {256, 5.99936}, {1024, 5.99996}}) {
    const double h = 1 / static_cast<double>(n - 1);
    const double exact = 1 + static_cast<double>(n - 1) * std::tanh(h / 0.2);
    EXPECT_NEAR(exact, value, 5e-6);
    const at::Tensor ones = at::ones({1, n}, at::kDouble);
    const auto field = GaussianField::on({.name = "exponential"}, line(n));
    EXPECT_NEAR(field.cameron_martin(ones).item<double>(), exact, 1e-10);
    const at::Tensor white = CholeskyFactor::on({.name = "exponential"}, line(n)).whiten(ones);
    EXPECT_NEAR(white.square().sum().item<double>(), exact, 100 * kJitter);
    EXPECT_NEAR(field.cameron_martin(line(n).t()).item<double>(), 2.216667, 20 * h * h + 5e-7);
  }
}

TEST(CirculantEmbedding, CarriesTheKernelToTheFarEnd) {
  for (const Kernel& k : {kernel("matern", 0.1), kernel("squared_exponential", 0.4),
                          kernel("matern", 0.3, 2.2), kernel("exponential", 1)}) {
    const auto factor = CirculantFactor::on(k, *Grid::of(line(200), {}));
    ASSERT_TRUE(factor) << k.name;
    const at::Tensor along = at::fft_irfft(factor->eigenvalues, factor->torus[0]).slice(0, 0, 200);
    const at::Tensor error = along - covariance(k, {line(200).flatten()});
    EXPECT_LT(largest(error), 2 * kJitter) << k.name;
    EXPECT_LT(largest(error.slice(0, 1)), 1e-12) << k.name;
    EXPECT_LE(factor->torus[0], 64 * 200);
  }
}

TEST(CirculantEmbedding, RefusesAFieldMuchLongerThanTheGrid) {
  EXPECT_FALSE(CirculantFactor::on(kernel("squared_exponential", 20), *Grid::of(line(200), {})));
}

TEST(GaussianField, OfAPlaneDependsOnDistanceAlone) {
  const Kernel k = kernel("matern", 0.08, 2.5, {1, 1});
  const auto field = GaussianField::on(k, plane(circle(40), circle(40)));
  at::Tensor unit = at::zeros({1, 40, 40}, at::kDouble);
  unit[0][0][0] = 1;
  const at::Tensor from_corner = field.colour(field.colour(unit))[0];  // a symmetric factor
  EXPECT_LT(largest(from_corner - from_corner.t()), 1e-13);
  EXPECT_LT(largest(from_corner - from_corner.flip(0).roll(1, 0)), 1e-13);
  const double straight = from_corner[5][0].item<double>();
  EXPECT_NEAR(from_corner[3][4].item<double>(), straight, 1e-7);  // of the images
  EXPECT_GT(straight - from_corner[4][4].item<double>(), 0.05);
}

TEST(GaussianField, SaysWhatItCannotDo) {
  EXPECT_THROW(GaussianField::on(kernel("matern", 0.1), scattered(5000)), ConfigError);
  const auto large = GaussianField::on(kernel("matern", 0.01), line(5000));
  EXPECT_THROW(large.whiten(at::zeros({1, 5000})), ConfigError);
  EXPECT_THROW(GaussianField::on(kernel("matern", 2, 1.5, {1}), circle(8)), ConfigError);
  EXPECT_THROW(GaussianField::on(kernel("matern", 0.1, 1.5, {1}), line(8)), c10::Error);
  EXPECT_THROW(GaussianField::on(kernel("matern", 0.1), line(8)).whiten(at::zeros({2, 9})),
               c10::Error);
}

}  // namespace
}  // namespace ornstein
