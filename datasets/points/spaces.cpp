#include "datasets/points/spaces.h"

#include "framework/base/errors.h"
#include "framework/spaces/binary.h"
#include "framework/spaces/space.h"

namespace ornstein::points {
namespace {

constexpr double kTolerance = 1e-4;

// Both have no geometry, and are no factors of products.
bool is_discrete(const std::string& space) { return space == "binary" || space == "simplex"; }

// [b, D] float64 -> [b]; NaN where a number is, also in single precision.
at::Tensor defect(const std::string& space, const at::Tensor& x) {
  const at::Tensor rows = x.to(at::kDouble);
  at::Tensor off;
  if (space == "binary")
    off = Binary{x.size(1)}.defect(rows);
  else if (space == "simplex")
    off = at::maximum((-rows).clamp_min(0).amax(1), (rows.sum(1) - 1).abs());
  else
    off = make_space(space, x.size(1)).defect(rows);
  return at::where(x.to(at::kFloat).isfinite().all(1), off, std::nan(""));
}

}  // namespace

std::string space_problem(const std::string& space, int64_t dimensions) {
  if (is_discrete(space)) return {};
  try {
    make_space(space, dimensions);
    return {};
  } catch (const DataError& error) {
    return error.what();
  }
}

at::Tensor on_space(const std::string& space, const at::Tensor& x) {
  return defect(space, x) <= kTolerance;  // NaN is not
}

std::optional<OffSpace> first_row_off(const std::string& space, const at::Tensor& x) {
  const at::Tensor by = defect(space, x);
  const at::Tensor off = at::nonzero((by <= kTolerance).logical_not());
  if (off.numel() == 0) return std::nullopt;
  const int64_t row = off[0].item<int64_t>();
  return OffSpace{row, by[row].item<double>()};
}

std::string problem_of(const OffSpace& off) {
  return std::isfinite(off.by) ? fmt::format("is off its space by {:.2g}", off.by)
                               : "holds a NaN or infinity";
}

std::string description(const std::string& space) {
  if (space == "sphere") return "a unit vector";
  if (space == "torus") return "angles in radians, at most one turn from zero";
  if (space == "hyperbolic") return "a point of the hyperboloid, x_0 = sqrt(1 + x_1^2 + ...)";
  if (space == "binary") return "zeros and ones";
  if (space == "simplex") return "non-negative numbers of sum one";
  if (space.starts_with("so")) return "a rotation, row by row";
  if (space.starts_with("product:")) return "a point of each factor";
  return "finite in single precision";
}

at::Tensor canonical(const std::string& space, const at::Tensor& x) {
  if (is_discrete(space)) return x;
  const Space whole = make_space(space, x.size(1));
  std::vector<at::Tensor> columns;
  int64_t first = 0;
  for (const Factor& factor : whole.factors())
    std::visit(
        [&](const auto& own) {
          const at::Tensor part = x.narrow(1, first, own.ambient());
          const bool angles = std::is_same_v<std::decay_t<decltype(own)>, Torus>;
          columns.push_back(angles ? own.project(part) : part);
          first += own.ambient();
        },
        factor);
  return columns.size() == 1 ? columns[0] : at::cat(columns, 1);
}

}  // namespace ornstein::points
