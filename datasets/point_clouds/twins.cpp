#include "datasets/point_clouds/twins.h"

#include <map>
#include <numbers>

#include "datasets/point_clouds/cloud_dataset.h"
#include "framework/base/errors.h"
#include "framework/base/random.h"
#include "framework/config/did_you_mean.h"

namespace ornstein::point_clouds {
namespace {

constexpr int64_t kRows = 3000, kLeastRows = 6, kMostRows = 1'000'000, kPoints = 256;
constexpr int64_t kMostNumbers = int64_t{1} << 30;  // 4 GB
constexpr int64_t kAtATime = 256;  // rows drawn together: the same whatever `rows` is
constexpr int64_t kNodes = 64;     // of the midpoint rule, a size

struct Family {
  std::vector<double> least, most;  // of the sizes
  // [b, P, 3] of sizes [b, k].
  std::function<at::Tensor(const at::Tensor& sizes, int64_t points, at::Generator& generator)> draw;
  // [b, 3] of sizes [b, k]: the means of x^2, y^2, z^2.
  std::function<at::Tensor(const at::Tensor& sizes)> moments;
};

at::Tensor uniform(at::IntArrayRef shape, at::Generator& generator) {
  return at::rand(shape, generator, at::kDouble);
}

Family ellipsoids() {
  return {{0.3, 0.3, 0.3},
          {1, 1, 1},
          [](const at::Tensor& sizes, int64_t points, at::Generator& generator) {
            const at::Tensor normal = at::randn({sizes.size(0), points, 3}, generator, at::kDouble);
            return sizes.unsqueeze(1) * normal / normal.norm(2, 2, true);
          },
          [](const at::Tensor& sizes) { return sizes.square() / 3; }};
}

// The angle v round the tube has the density (1 + r/R cos v)/(2 pi): a uniform v is turned by pi
// with probability (1 - r/R cos v)/2.
Family tori() {
  return {
      {0.5, 0.12},
      {0.8, 0.35},
      [](const at::Tensor& sizes, int64_t points, at::Generator& generator) {
        const at::Tensor ring = sizes.narrow(1, 0, 1), tube = sizes.narrow(1, 1, 1);  // [b, 1]
        const at::Tensor around =
            2 * std::numbers::pi * uniform({sizes.size(0), points}, generator);
        const at::Tensor v = 2 * std::numbers::pi * uniform({sizes.size(0), points}, generator);
        const at::Tensor kept =
            uniform({sizes.size(0), points}, generator) < (1 + tube / ring * v.cos()) / 2;
        const at::Tensor sign = at::where(kept, 1.0, -1.0);
        const at::Tensor radius = ring + tube * sign * v.cos();
        return at::stack({radius * around.cos(), tube * sign * v.sin(), radius * around.sin()}, 2);
      },
      [](const at::Tensor& sizes) {
        const at::Tensor ring = sizes.select(1, 0).square(), tube = sizes.select(1, 1).square();
        const at::Tensor flat = ring / 2 + 0.75 * tube;
        return at::stack({flat, tube / 2, flat}, 1);
      }};
}

// [b, 3]: half the area of the two faces across each axis, in the unit of 4 a b c.
at::Tensor face_shares(const at::Tensor& sizes) {
  const at::Tensor inverse = sizes.reciprocal();
  return inverse / inverse.sum(1, true);
}

Family boxes() {
  return {{0.3, 0.3, 0.3},
          {0.9, 0.9, 0.9},
          [](const at::Tensor& sizes, int64_t points, at::Generator& generator) {
            const at::Tensor below = face_shares(sizes).cumsum(1);
            const at::Tensor axis =
                (uniform({sizes.size(0), points, 1}, generator) >= below.unsqueeze(1))
                    .sum(2, true)
                    .clamp_max(2);
            const at::Tensor place = 2 * uniform({sizes.size(0), points, 3}, generator) - 1;
            const at::Tensor side = at::where(place < 0, -1.0, 1.0);
            return sizes.unsqueeze(1) * at::where(at::arange(3) == axis, side, place);
          },
          [](const at::Tensor& sizes) {
            const at::Tensor across = face_shares(sizes);
            return sizes.square() * (across + (1 - across) / 3);
          }};
}

const std::map<std::string, Family>& families() {
  static const std::map<std::string, Family> all = {
      {"ellipsoids", ellipsoids()}, {"tori", tori()}, {"boxes", boxes()}};
  return all;
}

const std::vector<std::string> kShapes = {"ellipsoids", "tori", "boxes"};  // by label

at::Tensor draw_rows(const Family& family, int64_t rows, int64_t points, at::Generator& generator) {
  const at::Tensor least = at::tensor(family.least, at::kDouble);
  const at::Tensor span = at::tensor(family.most, at::kDouble) - least;
  const at::Tensor sizes = least + span * uniform({rows, least.numel()}, generator);
  return family.draw(sizes, points, generator);
}

}  // namespace

std::vector<std::string> twin_names() { return {"boxes", "ellipsoids", "shapes", "tori"}; }

at::Tensor second_moments(const std::string& name) {
  if (name == "shapes") {
    at::Tensor sum = at::zeros({3}, at::kDouble);
    for (const std::string& family : kShapes) sum += second_moments(family);
    return sum / static_cast<double>(kShapes.size());
  }
  const Family& family = families().at(name);
  std::vector<at::Tensor> axes;
  for (size_t i = 0; i < family.least.size(); ++i)
    axes.push_back(family.least[i] + (at::arange(kNodes, at::kDouble) + 0.5) / kNodes *
                                         (family.most[i] - family.least[i]));
  return family.moments(at::cartesian_prod(axes)).mean(0);
}

DataSource open_twin(const std::string& name, const ConfigReader& dataset) {
  const auto names = twin_names();
  if (std::find(names.begin(), names.end(), name) == names.end())
    throw DataError("synthetic:" + name + ": there is no such twin" + did_you_mean(name, names));
  const int64_t rows = dataset.integer("rows", kRows, kLeastRows, kMostRows);
  const int64_t points = dataset.integer("points", kPoints, 1, 65536);
  if (rows > kMostNumbers / (3 * points))
    dataset.fail("rows", fmt::format("is {} ({} points a row: {} rows are the most)", rows, points,
                                     kMostNumbers / (3 * points)));
  std::vector<at::Tensor> blocks, labels;
  for (int64_t first = 0; first < rows; first += kAtATime) {
    auto generator = make_generator(random_key(Stream::kTwin, {static_cast<uint64_t>(first)}));
    at::Tensor block;
    if (name == "shapes") {
      const at::Tensor label = at::randint(std::ssize(kShapes), {kAtATime}, generator, at::kLong);
      block = at::zeros({kAtATime, points, 3}, at::kDouble);
      for (int64_t i = 0; i < std::ssize(kShapes); ++i)
        block = at::where((label == i).view({-1, 1, 1}),
                          draw_rows(families().at(kShapes[i]), kAtATime, points, generator), block);
      labels.push_back(label.slice(0, 0, rows - first));
    } else {
      block = draw_rows(families().at(name), kAtATime, points, generator);
    }
    blocks.push_back(block.slice(0, 0, rows - first).to(at::kFloat));
  }
  return hold(at::cat(blocks), labels.empty() ? at::Tensor() : at::cat(labels),
              (at::arange(rows) >= rows * 5 / 6).to(at::kByte));
}

}  // namespace ornstein::point_clouds
