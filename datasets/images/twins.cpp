#include "datasets/images/twins.h"

#include "datasets/images/gaussian_field.h"
#include "datasets/images/image_dataset.h"
#include "datasets/images/phi4.h"
#include "framework/base/errors.h"
#include "framework/config/did_you_mean.h"

namespace ornstein::images {
namespace {

constexpr int64_t kRows = 10000, kLeastRows = 6, kMostRows = 1'000'000, kSize = 32;

struct Fields {
  at::Tensor x;            // [rows, 1, L, L] float32
  at::Tensor log_density;  // [rows] float64, nats, or undefined
};

Fields gaussian_field(int64_t rows, const ConfigReader& dataset) {
  const int64_t size = dataset.integer("size", kSize, 4, 256);
  // A steeper spectrum has modes that float32 rounds away.
  const at::Tensor power = power_law(size, dataset.number("eta", 2, 0, 4));
  const at::Tensor x = sample_gaussian_field(rows, power);
  return {x, gaussian_field_log_density(x, power)};
}

Fields phi4(int64_t rows, const ConfigReader& dataset) {
  const int64_t size = dataset.integer("size", kSize, 8, 64);
  if (size % 2 != 0) dataset.fail("size", fmt::format("is {} (must be even)", size));
  return {sample_phi4(rows, size, dataset.number("beta", 0.68, 0, 2)), {}};
}

const std::map<std::string, Fields (*)(int64_t, const ConfigReader&)> kTwins = {
    {"gaussian_field", gaussian_field}, {"phi4", phi4}};

}  // namespace

std::vector<std::string> twin_names() {
  std::vector<std::string> names;
  for (const auto& [name, draw] : kTwins) names.push_back(name);
  return names;
}

DataSource open_twin(const std::string& name, const ConfigReader& dataset) {
  const auto twin = kTwins.find(name);
  if (twin == kTwins.end())
    throw DataError("synthetic:" + name + ": there is no such twin" +
                    did_you_mean(name, twin_names()));
  const int64_t rows = dataset.integer("rows", kRows, kLeastRows, kMostRows);
  const Fields fields = twin->second(rows, dataset);
  return hold_images(fields.x, (at::arange(rows) >= rows * 5 / 6).to(at::kByte),
                     fields.log_density);
}

}  // namespace ornstein::images
