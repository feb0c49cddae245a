#include "framework/nn/fourier_operator.h"

#include <numbers>

#include "framework/base/errors.h"
#include "framework/nn/spectral_convolution.h"
#include "tests/nn/function_networks.h"

namespace ornstein {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;

const std::string kNetwork =
    R"({"network": {"name": "fourier_operator", "width": 16, "modes": [6]}})";
const std::string kPlane =
    R"({"network": {"name": "fourier_operator", "width": 8, "modes": [3, 2]}})";
const std::string kWithoutPosition =
    R"({"network": {"name": "fourier_operator", "width": 16, "modes": [6], "position": false}})";

at::Tensor two_harmonics(const at::Tensor& x) {
  return (kTurn * x).cos() + 0.5 * (2 * kTurn * x + 0.3).sin();
}

at::Tensor bump(const at::Tensor& x) { return (-8 * (x - 0.3).square()).exp() + x; }

at::Tensor complex_numbers(at::IntArrayRef sizes, uint64_t key) {
  at::Generator generator = make_generator(key);
  return at::randn(sizes, generator, at::kComplexDouble);
}

// exp(2 pi i k x)
at::Tensor wave(double k, const at::Tensor& x) {
  return at::polar(at::ones_like(x), kTurn * k * x);
}

RegularAxis circle(int64_t n) {
  return regular_axis(circle_points(n), {.begin = 0, .end = 1, .period = 1}, 0);
}

std::shared_ptr<SpectralConvolution> convolution(int64_t in, int64_t out,
                                                 const std::vector<int64_t>& modes) {
  seed_default_generators(4);
  auto layer = std::make_shared<SpectralConvolution>(in, out, modes);
  layer->to(at::kDouble);
  return layer;
}

at::Tensor apply(SpectralConvolution& layer, const at::Tensor& v, int64_t out,
                 const FourierBasis& basis) {
  std::vector<int64_t> sizes = v.sizes().vec();
  sizes.back() = out;
  return layer.forward(v, at::zeros(sizes, v.options()), basis);
}

// v = Re sum_k c_k exp(2 pi i k x) becomes Re sum_k R_k c_k exp(2 pi i k x), whatever the grid.
TEST(SpectralConvolution, IsExactOnEveryGridOfMoreThanTwiceTheModes) {
  const std::vector<int64_t> modes = {6};
  const auto layer = convolution(2, 3, modes);
  const at::Tensor r = at::view_as_complex(layer->parameters()[0]);
  at::Tensor c = complex_numbers({3, 2}, 1);  // of k = 0, 1, 6
  at::view_as_real(c[0]).select(-1, 1).zero_();
  const double frequencies[] = {0, 1, 6};
  for (int64_t n : {13, 14, 32, 100, 257, 1024}) {
    at::Tensor v = at::zeros({1, n, 2}, at::kDouble), expected = at::zeros({1, n, 3}, at::kDouble);
    for (int64_t i = 0; i < 3; ++i) {
      const at::Tensor e = wave(frequencies[i], circle_points(n)).unsqueeze(1);
      v += at::real(e * c[i]);
      expected += at::real(e * at::matmul(c[i], r[static_cast<int64_t>(frequencies[i])]));
    }
    const at::Tensor y = apply(*layer, v, 3, fourier_basis({circle(n)}, modes, v.options()));
    EXPECT_LT((y - expected).abs().max().item<double>(), 1e-12) << n;
  }
  expect_refusal<ConfigError>([&] { fourier_basis({circle(12)}, modes, at::kDouble); },
                              "a grid of 12 points resolves frequencies below 6");
}

TEST(SpectralConvolution, IsExactOnTheTorus) {
  const std::vector<int64_t> modes = {3, 2};
  const auto layer = convolution(1, 1, modes);
  const at::Tensor r = at::view_as_complex(layer->parameters()[0]).select(-1, 0).select(-1, 0);
  const at::Tensor c = complex_numbers({3}, 2);
  for (const auto& [n, m] : {std::pair<int64_t, int64_t>{7, 5}, {8, 24}, {33, 6}}) {
    const at::Tensor x = circle_points(n).unsqueeze(1), y = circle_points(m);
    const auto plane_wave = [&](int64_t k, int64_t l) { return wave(k, x) * wave(l, y); };
    // The third is real by (0, 1) and (0, -1) together.
    const at::Tensor v =
        at::real(c[0] * plane_wave(3, -2) + c[1] * plane_wave(1, 2) + c[2] * plane_wave(0, 1));
    const at::Tensor expected = at::real(
        r[3][0] * c[0] * plane_wave(3, -2) + r[1][4] * c[1] * plane_wave(1, 2) +
        0.5 * r[0][3] * c[2] * plane_wave(0, 1) + 0.5 * r[0][1] * c[2].conj() * plane_wave(0, -1));
    const at::Tensor rows = v.unsqueeze(0).unsqueeze(-1);
    const FourierBasis basis = fourier_basis({circle(n), circle(m)}, modes, v.options());
    EXPECT_LT((apply(*layer, rows, 1, basis).squeeze() - expected).abs().max().item<double>(),
              1e-12);
  }
}

// Frequencies that a grid shows as others are none of the kept ones: n > modes + frequency.
TEST(SpectralConvolution, DropsWhatLiesAboveItsModes) {
  const auto layer = convolution(1, 1, {6});
  const at::Tensor v = at::real(wave(9, circle_points(16))).view({1, 16, 1});
  const at::Tensor y = apply(*layer, v, 1, fourier_basis({circle(16)}, {6}, v.options()));
  EXPECT_LT(y.abs().max().item<double>(), 1e-12);
}

// On an interval: the integral operator whose kernel is sum_k c_k R_k exp(2 pi i k x / P) / P.
TEST(SpectralConvolution, IntegratesOverAnIntervalWithOrderTwo) {
  const DomainAxis interval = {.begin = 0, .end = 1};
  const auto layer = convolution(1, 1, {3});
  const at::Tensor r = at::view_as_complex(layer->parameters()[0]).flatten();
  const at::Tensor fine = interval_points(20001);
  at::Tensor weights = at::full({20001}, 1.0 / 20000, at::kDouble);
  weights[0] = weights[20000] = 0.5 / 20000;
  double exact = 0;  // at x = 0.25
  for (int64_t k = 0; k <= 3; ++k)
    exact +=
        (k == 0 ? 1 : 2) / 1.5 *
        at::real(r[k] * (weights * bump(fine) * wave(k / 1.5, 0.25 - fine)).sum()).item<double>();
  double before = 0;
  for (int64_t n : {65, 129, 257, 513}) {
    const at::Tensor x = interval_points(n), v = bump(x).view({1, n, 1});
    const FourierBasis basis = fourier_basis({regular_axis(x, interval, 0.5)}, {3}, v.options());
    const double error =
        std::abs(apply(*layer, v, 1, basis)[0][(n - 1) / 4][0].item<double>() - exact);
    if (before > 0) {
      EXPECT_NEAR(before / error, 4, 0.1) << n;
    }
    before = error;
  }
}

TEST(SpectralConvolution, DifferentiatesItsComplexWeightsExactly) {
  const auto layer = convolution(2, 2, {3, 2});
  const at::Tensor weight = layer->parameters()[0];
  at::Generator generator = make_generator(8);
  const at::Tensor v = at::randn({2, 9, 8, 2}, generator, at::kDouble).requires_grad_();
  const FourierBasis basis = fourier_basis({circle(9), circle(8)}, {3, 2}, weight.options());
  const auto value = [&] { return apply(*layer, v, 2, basis).sin().sum(); };
  value().backward();
  for (at::Tensor variable : {weight, v}) {
    const at::Tensor direction = at::randn(variable.sizes(), generator, at::kDouble);
    const double exact = (variable.grad() * direction).sum().item<double>(), h = 1e-5;
    at::NoGradGuard no_grad;
    variable.add_(direction, h);
    const double above = value().item<double>();
    variable.sub_(direction, 2 * h);
    const double below = value().item<double>();
    variable.add_(direction, h);
    EXPECT_NEAR((above - below) / (2 * h), exact, 1e-7 * std::abs(exact));
  }
}

// Check F5: the output at 32 points is that at 1024 points, seen at every 32nd.
TEST(FourierOperator, SeesTheFunctionNotTheGrid) {
  const Network network = random_network(kNetwork, on_circles(1));
  const auto output = [&](int64_t n) {
    return output_of(network, two_harmonics(circle_points(n)), grid_of({circle_points(n)}));
  };
  const at::Tensor exact = output(1024);
  const auto error = [&](int64_t n) {
    return relative_error(output(n), exact.slice(0, 0, 1024, 1024 / n));
  };
  EXPECT_LT(error(32), 1e-5);
  EXPECT_LT(error(64), 1e-10);
}

TEST(FourierOperator, SeesTheFunctionNotTheGridOfTheTorus) {
  const Network network = random_network(kPlane, on_circles(2));
  const auto output = [&](int64_t n, int64_t m) {
    const at::Tensor x = circle_points(n), y = circle_points(m);
    const at::Tensor u = two_harmonics(x).unsqueeze(1) * (kTurn * y).sin();
    return output_of(network, u, grid_of({x, y}));
  };
  const at::Tensor exact = output(96, 80);
  EXPECT_LT(relative_error(output(24, 20), exact.slice(0, 0, 96, 4).slice(1, 0, 80, 4)), 1e-5);
}

// The trap of grids with both ends: values at j / (n - 1) taken for values at j / n are another
// function at every n. The network refuses the true coordinates of such a grid.
TEST(FourierOperator, ErrsByOneSpacingOnGridsThatRepeatTheFirstPoint) {
  const Network network = random_network(kNetwork, on_circles(1));
  const auto output = [&](int64_t n) {
    return output_of(network, two_harmonics(interval_points(n)), grid_of({circle_points(n)}));
  };
  const at::Tensor exact = output(4097);
  double before = 0;
  for (int64_t n : {33, 65, 129, 257}) {
    const double error = relative_error(output(n), exact.slice(0, 0, 4097, 4096 / (n - 1)));
    EXPECT_GT(error, 0.02 / n);
    if (before > 0) {
      EXPECT_NEAR(before / error, 2, 0.3) << n;
    }
    before = error;
  }
  expect_refusal<ConfigError>(
      [&] { output_of(network, interval_points(33), grid_of({interval_points(33)})); },
      "the last one is the first again");
}

TEST(FourierOperator, ConvergesWithOrderTwoOnIntervals) {
  const Network network = random_network(kNetwork, on_intervals(1));
  const auto output = [&](int64_t n) {
    return output_of(network, bump(interval_points(n)), grid_of({interval_points(n)}));
  };
  const at::Tensor exact = output(4097);
  double before = 0;
  for (int64_t n : {33, 65, 129, 257}) {
    const double error = relative_error(output(n), exact.slice(0, 0, 4097, 4096 / (n - 1)));
    if (before > 0) {
      EXPECT_NEAR(before / error, 4, 0.2) << n;
    }
    before = error;
  }
  EXPECT_LT(before, 1e-3);
}

TEST(FourierOperator, ShiftsItsOutputWithItsInputWhenItSeesNoPosition) {
  const at::Tensor grid = grid_of({circle_points(32)});
  at::Generator generator = make_generator(9);
  const at::Tensor u = at::randn({32}, generator, at::kDouble);
  const auto defect = [&](const std::string& json) {
    const Network network = random_network(json, on_circles(1));
    return relative_error(output_of(network, u.roll(5), grid), output_of(network, u, grid).roll(5));
  };
  EXPECT_LT(defect(kWithoutPosition), 1e-12);
  EXPECT_GT(defect(kNetwork), 1e-3);
}

TEST(FourierOperator, DoesNotCareForTheDirectionOfTheGrid) {
  for (const NetworkShape& shape : {on_circles(1), on_intervals(1)}) {
    const Network network = random_network(kNetwork, shape);
    const at::Tensor x = shape.period.empty() ? interval_points(24) : circle_points(24);
    const at::Tensor forth = output_of(network, bump(x), grid_of({x}));
    const at::Tensor back = output_of(network, bump(x.flip(0)), grid_of({x.flip(0)}));
    EXPECT_LT(relative_error(back.flip(0), forth), 1e-12);
  }
}

TEST(FourierOperator, DoesNotCareForTheUnitOfTheCoordinates) {
  const auto output = [&](double unit, double origin) {
    NetworkShape shape = on_intervals(1);
    shape.extent = {origin, origin + unit};
    return output_of(random_network(kNetwork, shape), bump(interval_points(40)),
                     grid_of({origin + unit * interval_points(40)}));
  };
  EXPECT_LT(relative_error(output(364, 1), output(1, 0)), 1e-10);
}

TEST(FourierOperator, RunsInFloat32ToItsPrecision) {
  const Network network = random_network(kNetwork, on_intervals(1));
  const at::Tensor u = bump(interval_points(365)), grid = grid_of({interval_points(365)});
  const at::Tensor exact = output_of(network, u, grid);
  network.module->to(at::kFloat);
  const at::Tensor rounded = output_of(network, u.to(at::kFloat), grid.to(at::kFloat));
  EXPECT_EQ(rounded.scalar_type(), at::kFloat);
  EXPECT_LT(relative_error(rounded.to(at::kDouble), exact), 1e-5);
}

TEST(FourierOperator, DependsOnTheConditionInEveryRow) {
  NetworkShape shape = on_circles(1);
  shape.condition = 2;
  const Network network = random_network(kNetwork, shape);
  const at::Tensor u = two_harmonics(circle_points(16)).expand({3, 1, 16});
  const at::Tensor t = at::zeros({3}, at::kDouble), condition = at::eye(3, 2, at::kDouble);
  const auto output = [&](const at::Tensor& c) {
    return network.call(u, t, {.condition = c, .coordinates = grid_of({circle_points(16)})});
  };
  const at::Tensor y = output(condition);
  EXPECT_GT((y[0] - y[2]).abs().max().item<double>(), 1e-3);
  EXPECT_GT((output(condition + 1) - y).flatten(1).abs().amax(1).min().item<double>(), 1e-3);
  EXPECT_THROW(output({}), c10::Error);
}

TEST(FourierOperator, RefusesModesThatTheCoarsestGridCannotShow) {
  NetworkShape shape = on_circles(1);
  shape.spacing = {1.0 / 12};
  expect_refusal<ConfigError>([&] { network_of(kNetwork, shape); },
                              "network.modes 6 of axis 0 is not below 6");
  shape.spacing = {1.0 / 13};
  EXPECT_NO_THROW(network_of(kNetwork, shape));
  shape = on_intervals(1);
  shape.spacing = {1.0 / 9};  // 1.25 lengths hold 5.6 waves of two spacings
  expect_refusal<ConfigError>([&] { network_of(kNetwork, shape); }, "is not below 5.625");
  EXPECT_NO_THROW(network_of(R"({"network": {"name": "fourier_operator"}})", shape));
  expect_refusal<ConfigError>([&] { network_of(kPlane, shape); },
                              "has 2 numbers for functions of 1 coordinates");
}

TEST(FourierOperator, RefusesGridsThatItWouldMisread) {
  const Network circle = random_network(kNetwork, on_circles(1));
  const auto refusal = [](const Network& network, const at::Tensor& x, const std::string& text) {
    expect_refusal<ConfigError>([&] { output_of(network, x, grid_of({x})); }, text);
  };
  at::Tensor bent = circle_points(32).clone();
  bent[3] += 0.01;
  refusal(circle, bent, "point 3 is off by 0.32 of a spacing");
  refusal(circle, bent, "choose network.name point_attention");
  refusal(circle, 0.5 * circle_points(32), "do not cover the period 1 once");
  refusal(circle, circle_points(12), "resolves frequencies below 6");
  const Network interval = random_network(kNetwork, on_intervals(1));
  refusal(interval, 1.3 * interval_points(32), "leave the domain [0, 1] by 0.3");
}

}  // namespace
}  // namespace ornstein
