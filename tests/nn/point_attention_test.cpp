#include "framework/nn/point_attention.h"

#include "framework/base/errors.h"
#include "tests/nn/function_networks.h"

namespace ornstein {
namespace {

const std::string kNetwork =
    R"({"network": {"name": "point_attention", "width": 16, "heads": 2, "frequencies": [3]}})";

at::Tensor bump(const at::Tensor& x) { return (-8 * (x - 0.3).square()).exp() + x; }

at::Tensor irregular(int64_t n) {  // both ends of [0, 1] and points in no order, half in [0, 0.1]
  at::Generator generator = make_generator(5);
  at::Tensor x = at::rand({n}, generator, at::kDouble);
  x.slice(0, 2, n / 2).mul_(0.1);
  x[0] = 0;
  x[1] = 1;
  return x;
}

at::Tensor graded(int64_t n) {  // spacing from 0.4 to 1.6 of the mean
  const at::Tensor s = interval_points(n);
  return s - 0.6 * s * (1 - s);
}

TEST(PointAttention, PermutesItsOutputWithItsPoints) {
  at::Generator generator = make_generator(6);
  const at::Tensor order = at::randperm(40, generator, at::kLong);
  for (const NetworkShape& shape : {on_circles(1), on_intervals(1)}) {
    const Network network = random_network(kNetwork, shape);
    const at::Tensor x = irregular(40), permuted = x.index_select(0, order);
    EXPECT_LT(relative_error(output_of(network, bump(permuted), grid_of({permuted})),
                             output_of(network, bump(x), grid_of({x})).index_select(0, order)),
              1e-12);
  }
}

TEST(PointAttention, PermutesItsOutputWithTheLinesOfAGrid) {
  const Network network = random_network(kNetwork, on_intervals(2));
  at::Generator generator = make_generator(6);
  const at::Tensor order = at::randperm(9, generator, at::kLong), x = graded(9), y = graded(7);
  const at::Tensor u = bump(x).unsqueeze(1) * y;
  EXPECT_LT(relative_error(output_of(network, u.index_select(0, order),
                                     grid_of({x.index_select(0, order), y})),
                           output_of(network, u, grid_of({x, y})).index_select(0, order)),
            1e-12);
}

// From n to 4n the trapezoid rule's error falls by 16.
TEST(PointAttention, ConvergesWithOrderTwoOnIrregularPoints) {
  const Network network = random_network(kNetwork, on_intervals(1));
  const auto output = [&](int64_t n) {
    return output_of(network, bump(graded(n)), grid_of({graded(n)}));
  };
  const at::Tensor exact = output(4097);
  const auto error = [&](int64_t n) {
    return relative_error(output(n), exact.slice(0, 0, 4097, 4096 / (n - 1)));
  };
  EXPECT_NEAR(error(33) / error(129), 16, 2);
  EXPECT_NEAR(error(65) / error(257), 16, 1);
  EXPECT_LT(error(257), 1e-3);
}

TEST(PointAttention, ConvergesWithOrderTwoOnGridsOfThePlane) {
  const Network network = random_network(kNetwork, on_intervals(2));
  const auto output = [&](int64_t n) {
    const at::Tensor x = graded(n), y = interval_points(n);
    return output_of(network, bump(x).unsqueeze(1) * (3 * y).cos(), grid_of({x, y}));
  };
  const at::Tensor exact = output(129);
  const auto error = [&](int64_t n) {
    const int64_t step = 128 / (n - 1);
    return relative_error(output(n), exact.slice(0, 0, 129, step).slice(1, 0, 129, step));
  };
  EXPECT_NEAR(error(17) / error(33), 4, 0.5);
}

TEST(PointAttention, ConvergesBeyondAllOrdersOnTheCircle) {
  const Network network = random_network(kNetwork, on_circles(1));
  const auto output = [&](int64_t n) {
    const at::Tensor x = circle_points(n);
    return output_of(network, (2 * M_PI * x).cos(), grid_of({x}));
  };
  const at::Tensor exact = output(512);
  const auto error = [&](int64_t n) {
    return relative_error(output(n), exact.slice(0, 0, 512, 512 / n));
  };
  EXPECT_GT(error(32) / error(64), 100);
  EXPECT_LT(error(128), 1e-9);
}

// Half the points lie in a tenth of the interval. A mean over points would give them half the say.
TEST(PointAttention, CountsLengthsNotPoints) {
  const Network network = random_network(kNetwork, on_intervals(1));
  const at::Tensor dense =
      at::cat({0.1 * interval_points(201).slice(0, 0, 200), 0.1 + 0.9 * interval_points(201)});
  const at::Tensor regular = interval_points(401);
  const at::Tensor a = output_of(network, bump(dense), grid_of({dense}));
  const at::Tensor b = output_of(network, bump(regular), grid_of({regular}));
  EXPECT_LT((a[0] - b[0]).abs().item<double>(), 1e-3 * b.abs().max().item<double>());
  EXPECT_LT((a[400] - b[400]).abs().item<double>(), 1e-3 * b.abs().max().item<double>());
}

TEST(PointAttention, RunsInFloat32ToItsPrecision) {
  const Network network = random_network(kNetwork, on_intervals(1));
  const at::Tensor x = irregular(50);
  const at::Tensor exact = output_of(network, bump(x), grid_of({x}));
  network.module->to(at::kFloat);
  const at::Tensor rounded =
      output_of(network, bump(x).to(at::kFloat), grid_of({x}).to(at::kFloat));
  EXPECT_EQ(rounded.scalar_type(), at::kFloat);
  EXPECT_LT(relative_error(rounded.to(at::kDouble), exact), 1e-4);
}

TEST(PointAttention, DependsOnTheConditionInEveryRow) {
  NetworkShape shape = on_intervals(1);
  shape.condition = 2;
  const Network network = random_network(kNetwork, shape);
  const at::Tensor x = irregular(16), u = bump(x).expand({3, 1, 16});
  const auto output = [&](const at::Tensor& c) {
    return network.call(u, at::zeros({3}, at::kDouble),
                        {.condition = c, .coordinates = grid_of({x})});
  };
  const at::Tensor condition = at::eye(3, 2, at::kDouble), y = output(condition);
  EXPECT_GT((output(condition + 1) - y).flatten(1).abs().amax(1).min().item<double>(), 1e-3);
  EXPECT_THROW(output({}), c10::Error);
}

TEST(PointAttention, RefusesFrequenciesThatTheCoarsestGridCannotShow) {
  NetworkShape shape = on_circles(1);
  shape.spacing = {1.0 / 6};
  expect_refusal<ConfigError>([&] { network_of(kNetwork, shape); },
                              "network.frequencies 3 of axis 0 is not below 3");
  shape.spacing = {1.0 / 7};
  EXPECT_NO_THROW(network_of(kNetwork, shape));
  expect_refusal<ConfigError>(
      [&] {
        network_of(R"({"network": {"name": "point_attention", "width": 10, "heads": 4}})", shape);
      },
      "network.width 10 is no multiple of heads = 4");
}

}  // namespace
}  // namespace ornstein
