#include "datasets/functions/twins.h"

#include <numbers>

#include "datasets/functions/function_dataset.h"
#include "framework/base/errors.h"
#include "framework/base/random.h"
#include "framework/config/did_you_mean.h"
#include "framework/data/grids.h"
#include "framework/math/gaussian_field.h"

namespace ornstein::functions {
namespace {

constexpr int64_t kRows = 6000, kLeastRows = 6, kMostRows = 1'000'000, kPoints = 64;
constexpr int64_t kMostValues = int64_t{1} << 30;  // 4 GB
constexpr int64_t kAtATime = 256;           // rows drawn together: the same whatever `rows` is
constexpr int64_t kMostForDensity = 1024;   // points: the density takes their covariance's factor
constexpr double kLeastConditional = 1e-9;  // of the variance; rounding to float32 is 1e-15 of it

// Rows of a law on some points: [count, ...] float64 from a generator.
using Draw = std::function<at::Tensor(int64_t count, at::Generator& generator)>;

at::Tensor draw_rows(int64_t rows, const Draw& draw) {
  std::vector<at::Tensor> blocks;
  for (int64_t first = 0; first < rows; first += kAtATime) {
    auto generator = make_generator(random_key(Stream::kTwin, {static_cast<uint64_t>(first)}));
    const at::Tensor block = draw(kAtATime, generator);
    blocks.push_back(block.slice(0, 0, rows - first).to(at::kFloat));
  }
  return at::cat(blocks).unsqueeze(1);
}

// [n] float64 of [0, 1], or of a period.
at::Tensor points_of(int64_t n, double period = 0) {
  if (period == 0) return at::linspace(0, 1, n, at::kDouble);
  return at::arange(n, at::kDouble) * (period / static_cast<double>(n));
}

// log N(x; 0, K) [rows] float64, nats; undefined where it cannot be told from x in float32.
at::Tensor log_density_of(const at::Tensor& values, const Kernel& kernel,
                          const at::Tensor& coordinates) {
  const at::Tensor points = coordinates.to(at::kDouble).flatten(0, -2);  // [p, d]
  if (points.size(0) > kMostForDensity) return {};
  const auto [root, failure] =
      at::linalg_cholesky_ex(covariance_matrix(kernel, points, points), /*upper=*/false);
  const at::Tensor deviation = root.diagonal();  // of a point, those before it given
  if (failure.item<int>() != 0 ||
      deviation.min().item<double>() < std::sqrt(kLeastConditional * kernel.variance))
    return {};
  const at::Tensor white = at::linalg_solve_triangular(root, values.to(at::kDouble).flatten(1).t(),
                                                       /*upper=*/false);  // [p, rows]
  const double log_normaliser =
      deviation.log().sum().item<double>() +
      0.5 * static_cast<double>(points.size(0)) * std::log(2 * std::numbers::pi);
  return white.square().sum(0) * -0.5 - log_normaliser;
}

struct Law {
  at::Tensor coordinates;  // [n, 1] or [n, m, 2] float64
  Draw draw;
  std::vector<double> period;
  std::optional<Kernel> kernel;  // of N(0, C)
};

Law gaussian_process(int64_t n, const ConfigReader& dataset) {
  const int64_t dimensions = dataset.integer("dimensions", 1, 1, 2);
  const double period = dataset.number("period", 0, 0);
  Kernel kernel{.name = dataset.choice("kernel", "matern", kernel_names()),
                .variance = dataset.number("variance", 1, 1e-6, 1e6),
                .length = dataset.number("length", 0.1, 1e-6, 1e6),
                .nu = dataset.number("nu", 1.5, 0.1, 20)};
  if (period > 0) {
    if (kernel.length > period)
      dataset.fail("length",
                   fmt::format("is {} (longer than the period {})", kernel.length, period));
    kernel.period.assign(dimensions, period);
  }
  const std::vector<at::Tensor> axes(dimensions, points_of(n, period));
  const at::Tensor coordinates = coordinates_of(axes);
  return {
      .coordinates = coordinates,
      .draw = [field = GaussianField::on(kernel, coordinates)](
                  int64_t count, at::Generator& generator) { return field.draw(count, generator); },
      .period = kernel.period,
      .kernel = kernel};
}

Law gp_mixture(int64_t n, const ConfigReader&) {
  const at::Tensor x = points_of(n), coordinates = coordinates_of({x});
  const Kernel kernel{.name = "squared_exponential", .variance = 0.4, .length = 0.1};
  return {.coordinates = coordinates,
          .draw = [x, field = GaussianField::on(kernel, coordinates)](int64_t count,
                                                                      at::Generator& generator) {
            const at::Tensor sign = at::randint(2, {count, 1}, generator, at::kDouble) * 2 - 1;
            return sign * (10 * x - 5) + field.draw(count, generator);
          }};
}

Law linear_functions(int64_t n, const ConfigReader&) {
  const at::Tensor x = points_of(n);
  return {.coordinates = coordinates_of({x}), .draw = [x](int64_t count, at::Generator& generator) {
            const at::Tensor normal = at::randn({2, count, 1}, generator, at::kDouble);
            return (2 + 0.25 * normal[0]) * x + (-1 + 0.07 * normal[1]);
          }};
}

const std::map<std::string, Law (*)(int64_t, const ConfigReader&)> kTwins = {
    {"gaussian_process", gaussian_process},
    {"gp_mixture", gp_mixture},
    {"linear_functions", linear_functions}};

}  // namespace

std::vector<std::string> twin_names() {
  std::vector<std::string> names;
  for (const auto& [name, make] : kTwins) names.push_back(name);
  return names;
}

DataSource open_twin(const std::string& name, const ConfigReader& dataset) {
  const auto twin = kTwins.find(name);
  if (twin == kTwins.end())
    throw DataError("synthetic:" + name + ": there is no such twin" +
                    did_you_mean(name, twin_names()));
  const int64_t rows = dataset.integer("rows", kRows, kLeastRows, kMostRows);
  const Law law = twin->second(dataset.integer("n", kPoints, 2, 65536), dataset);
  const int64_t points = law.coordinates.select(-1, 0).numel();
  if (rows > kMostValues / points)
    dataset.fail("rows", fmt::format("is {} ({} points a row: {} rows are the most)", rows, points,
                                     kMostValues / points));
  HeldFunctions held{.values = draw_rows(rows, law.draw),
                     .coordinates = law.coordinates.to(at::kFloat),
                     .period = law.period,
                     .split = (at::arange(rows) >= rows * 5 / 6).to(at::kByte)};
  if (law.kernel) held.log_density = log_density_of(held.values, *law.kernel, law.coordinates);
  return hold(held);
}

}  // namespace ornstein::functions
