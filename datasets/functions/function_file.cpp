#include "datasets/functions/function_file.h"

#include "framework/base/errors.h"
#include "framework/data/data_file.h"

namespace ornstein::functions {
namespace {

std::vector<int64_t> shape_of_values(const Hdf5File& file) {
  for (const char* name : {"values", "coordinates"})
    if (!file.has(fmt::format("/{}", name)))
      throw DataError(
          fmt::format("{}: no data set '{}' (functions are values [N, C, n] or [N, C, n, m] at "
                      "coordinates [n, 1] or [n, m, 2])",
                      file.path(), name));
  const auto shape = file.shape("/values");
  if (shape.size() < 3 || shape.size() > 4 || c10::multiply_integers(shape) == 0)
    throw DataError(fmt::format(
        "{}: 'values' has shape [{}] (must be [N, C, n] or [N, C, n, m], none of them 0) one "
        "channel is values[:, None]",
        file.path(), fmt::join(shape, ", ")));
  if (!at::isFloatingType(file.type("/values")))
    throw DataError(
        fmt::format("{}: 'values' holds integers (float32 or float64 is needed) store "
                    "values.astype('float32')",
                    file.path()));
  return shape;
}

}  // namespace

at::Tensor read_condition(const Hdf5File& file, int64_t rows) {
  if (!file.has("/condition")) return {};
  const auto shape = file.shape("/condition");
  if (shape.size() != 2 || shape[0] != rows || shape[1] == 0)
    throw DataError(
        fmt::format("{}: 'condition' has shape [{}] (K numbers a row are needed: [{}, K])",
                    file.path(), fmt::join(shape, ", "), rows));
  const at::Tensor condition = file.read("/condition").to(at::kFloat);
  require_finite(file.path(), "condition", condition, 0);
  return condition;
}

at::Tensor FunctionFile::read(int64_t first, int64_t count) const {
  return grid.turned(file.read_rows("/values", first, count).to(at::kFloat));
}

at::Tensor FunctionFile::read(const at::Tensor& sorted_rows) const {
  return grid.turned(file.read_rows("/values", sorted_rows).to(at::kFloat));
}

FunctionFile open_function_file(const std::string& path) {
  FunctionFile opened{.file = open_data_file(path, "functions")};
  const Hdf5File& file = opened.file;
  const std::vector<int64_t> shape = shape_of_values(file);
  opened.rows = shape[0];
  opened.shape.assign(shape.begin() + 1, shape.end());
  if (file.has_attribute("/", "period")) opened.period = file.numbers_attribute("/", "period");
  const at::Tensor stored = file.read("/coordinates");
  opened.grid = checked_grid(path, stored, opened.period);
  if (stored.sizes().slice(0, stored.dim() - 1) != at::IntArrayRef(opened.shape).slice(1))
    throw DataError(
        fmt::format("{}: 'coordinates' [{}] do not fit 'values' [{}] (a point for each value of a "
                    "row is needed)",
                    path, fmt::join(stored.sizes(), ", "), fmt::join(shape, ", ")));
  const auto periodic = [](double period) { return period > 0; };
  if (std::none_of(opened.period.begin(), opened.period.end(), periodic)) opened.period.clear();
  opened.condition = read_condition(file, opened.rows);
  opened.split = read_split(file, opened.rows);
  opened.log_density = read_log_density(file, opened.rows);
  return opened;
}

void require_finite(const std::string& path, const std::string& name, const at::Tensor& x,
                    int64_t first) {
  const at::Tensor finite = x.isfinite().flatten(1).all(1);
  if (finite.all().item<bool>()) return;
  throw DataError(
      fmt::format("{}: row {} of '{}' has a NaN or infinity (every number must be finite in single "
                  "precision) mend or drop the row",
                  path, first + at::nonzero(finite.logical_not())[0].item<int64_t>(), name));
}

int64_t block_rows(const std::vector<int64_t>& shape) {
  return std::max<int64_t>(1, (int64_t{1} << 20) / c10::multiply_integers(shape));
}

}  // namespace ornstein::functions
