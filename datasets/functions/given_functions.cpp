#include "datasets/functions/given_functions.h"

#include "datasets/functions/function_file.h"
#include "framework/base/errors.h"
#include "framework/data/data_file.h"
#include "framework/math/grid.h"

namespace ornstein::functions {
namespace {

constexpr double kNear = 1e-3;  // of the distance to the next point: single precision allows less

class GivenFunctions final : public Dataset {
 public:
  GivenFunctions(DataSpec spec, Batch all) : spec_(std::move(spec)), all_(std::move(all)) {}
  DataSpec spec() const override { return spec_; }
  Batch rows(const at::Tensor& indices) const override { return all_.rows(indices); }

 private:
  DataSpec spec_;
  Batch all_;
};

StoredGrid grid_of(const Hdf5File& file, const DataSpec& spec, int64_t least) {
  if (!file.has("/coordinates"))
    throw DataError(
        fmt::format("{}: no data set 'coordinates' (the points [n, 1] or [n, m, 2])", file.path()));
  const at::Tensor stored = file.read("/coordinates");
  const StoredGrid grid = checked_grid(file.path(), stored, spec.period, least);
  const int64_t axes = std::ssize(spec.shape) - 1;
  if (grid.coordinates.size(-1) != axes)
    throw ConfigError(fmt::format("{}: coordinates of {} axes (the run's functions have {})",
                                  file.path(), grid.coordinates.size(-1), axes));
  return grid;
}

// For each point of an axis [k] the place [k] int64 of the same one among `all` [n].
at::Tensor places(const std::string& path, const at::Tensor& points, const Axis& all,
                  int64_t axis) {
  const at::Tensor gaps = all.gaps();
  at::Tensor off = points.to(at::kDouble).unsqueeze(1) - all.points;  // [k, n]
  if (all.period > 0) off = off - all.period * (off / all.period).round();
  const auto [distance, place] = off.abs().min(1);
  const at::Tensor missing = at::nonzero(distance > kNear * gaps.min());
  if (missing.numel() > 0)
    throw ConfigError(fmt::format(
        "{}: {} on axis {} is no point of the samples' grid ({} points from {} to {}) choose "
        "another by --grid or --coordinates",
        path, points[missing[0].item<int64_t>()].item<float>(), axis, all.points.size(0),
        all.points[0].item<double>(), all.points[-1].item<double>()));
  return place;
}

// The points [n(, m)] bool where all of `values` [N, C, n(, m)] are known.
at::Tensor known_points(const std::string& path, const at::Tensor& values) {
  const at::Tensor known = values.isnan().logical_not();
  const at::Tensor first = known[0][0];
  const at::Tensor other =
      at::nonzero((known != first).flatten(1).any(1));  // rows that differ from the first channel
  if (other.numel() > 0)
    throw DataError(fmt::format(
        "{}: row {} is known (not NaN) at other points than the first channel of row 0 (those of a "
        "file must be the same in all) make a file for each set of points",
        path, other[0].item<int64_t>()));
  if (!first.any().item<bool>())
    throw DataError(fmt::format("{}: no value is known (all are NaN)", path));
  return first;
}

// `values` [N, C, k(, l)] at the points of `grid` become x and mask of `batch` on `coordinates`.
void place(const std::string& path, const StoredGrid& grid, const at::Tensor& values,
           const DataSpec& spec, const at::Tensor& coordinates, Batch& batch) {
  const auto all = Grid::of(coordinates, spec.period);
  TORCH_CHECK(all, "a samples' grid is the product of sorted axes");
  std::vector<int64_t> shape = values.sizes().vec();
  at::Tensor flat = at::zeros({}, at::kLong);  // places in the flattened grid, [k(, l)]
  for (int64_t axis = 0; axis < std::ssize(all->axes); ++axis) {
    const int64_t n = all->axes[axis].points.size(0);
    flat = flat.unsqueeze(-1) * n + places(path, grid.axis(axis), all->axes[axis], axis);
    shape[axis + 2] = n;
  }
  const at::Tensor known = known_points(path, values);
  const at::Tensor x = at::zeros(shape).flatten(2), mask = at::zeros({x.size(2)}, at::kBool);
  x.index_copy_(2, flat.flatten(), values.nan_to_num(0).flatten(2));
  mask.index_copy_(0, flat.flatten(), known.flatten());
  batch.x = x.view(shape);
  shape.erase(shape.begin() + 1);
  batch.mask = mask.view(at::IntArrayRef(shape).slice(1)).unsqueeze(0).expand(shape);
}

at::Tensor read_values(const Hdf5File& file, const StoredGrid& grid, int64_t channels) {
  const at::Tensor stored = file.read("/values");
  if (!at::isFloatingType(stored.scalar_type()) || stored.dim() != grid.coordinates.dim() + 1 ||
      stored.numel() == 0 ||
      stored.sizes().slice(2) != grid.coordinates.sizes().slice(0, grid.coordinates.dim() - 1))
    throw DataError(fmt::format(
        "{}: 'values' [{}] do not fit 'coordinates' [{}] (numbers [N, C, n] or [N, C, n, m], one a "
        "point)",
        file.path(), fmt::join(stored.sizes(), ", "), fmt::join(grid.coordinates.sizes(), ", ")));
  if (stored.size(1) != channels)
    throw ConfigError(fmt::format("{}: functions of {} channels (the run's have {})", file.path(),
                                  stored.size(1), channels));
  const at::Tensor values = grid.turned(stored.to(at::kFloat));
  require_finite(file.path(), "values", values.nan_to_num(0, INFINITY, -INFINITY), 0);
  return values;
}

}  // namespace

at::Tensor read_grid(const std::string& file, const DataSpec& spec) {
  const StoredGrid grid = grid_of(open_data_file(file, "functions"), spec, 2);
  for (int64_t axis = 0; axis + 1 < std::ssize(spec.shape); ++axis) {
    const at::Tensor points = grid.axis(axis);
    const double first = points[0].item<float>(), last = points[-1].item<float>();
    const double begin = spec.extent[2 * axis], end = spec.extent[2 * axis + 1];
    const double slack = spec.spacing[axis] * 1.001;
    const bool round = !spec.period.empty() && spec.period[axis] > 0;
    if (!round && (std::abs(first - begin) > slack || std::abs(last - end) > slack))
      throw ConfigError(fmt::format(
          "{}: axis {} reaches from {:.6g} to {:.6g} (the run's functions from {:.6g} to {:.6g}, "
          "and a model integrates over all of it) give points over the whole axis, and take what "
          "you need of the samples",
          file, axis, first, last, begin, end));
  }
  return grid.coordinates;
}

std::shared_ptr<const Dataset> open_given(const std::string& path, const DataSpec& spec,
                                          const at::Tensor& coordinates) {
  const Hdf5File file = open_data_file(path, "functions");
  DataSpec own = spec;
  Batch all;
  all.coordinates = coordinates;
  if (file.has("/values")) {
    const StoredGrid grid = grid_of(file, spec, 1);
    const at::Tensor values = read_values(file, grid, spec.shape[0]);
    own.rows = values.size(0);
    place(path, grid, values, spec, coordinates, all);
  } else if (file.has("/condition") && !file.shape("/condition").empty()) {
    own.rows = file.shape("/condition")[0];
  }
  all.condition = read_condition(file, own.rows);
  if (!all.x.defined() && !all.condition.defined())
    throw DataError(fmt::format(
        "{}: neither 'values' nor 'condition' (nothing that samples could be given)", path));
  const int64_t numbers = all.condition.defined() ? all.condition.size(1) : 0;
  if (numbers > 0 && numbers != spec.condition)
    throw ConfigError(fmt::format("{}: conditions of {} numbers (the run's have {})", path, numbers,
                                  spec.condition));
  return std::make_shared<GivenFunctions>(own, all);
}

}  // namespace ornstein::functions
