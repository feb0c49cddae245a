#include "framework/data/grids.h"

#include <map>

#include "framework/base/hash.h"

namespace ornstein {
namespace {

// The points of one row along each axis: of mask [n] or [n, m].
std::vector<int64_t> lengths_of(const at::Tensor& mask) {
  if (mask.dim() == 1) return {mask.sum().item<int64_t>()};
  return {mask.select(1, 0).sum().item<int64_t>(), mask.select(0, 0).sum().item<int64_t>()};
}

// The first `lengths` entries along the axes from `axis` on.
at::Tensor box(at::Tensor tensor, int64_t axis, const std::vector<int64_t>& lengths) {
  for (const int64_t length : lengths) tensor = tensor.narrow(axis++, 0, length);
  return tensor;
}

}  // namespace

at::Tensor regular_points(const DataSpec& spec, size_t axis, int64_t points) {
  const double low = spec.extent[2 * axis], high = spec.extent[2 * axis + 1];
  const double period = spec.period.empty() ? 0 : spec.period[axis];
  if (period == 0) return at::linspace(low, high, points, at::kDouble);
  return low + at::arange(points, at::kDouble) * (period / static_cast<double>(points));
}

at::Tensor coordinates_of(const std::vector<at::Tensor>& axes) {
  return at::stack(at::meshgrid(axes, "ij"), -1);
}

at::Tensor regular_grid(const DataSpec& spec, const std::vector<int64_t>& points) {
  std::vector<at::Tensor> axes;
  for (size_t axis = 0; axis < points.size(); ++axis)
    axes.push_back(regular_points(spec, axis, points[axis]));
  return coordinates_of(axes).to(at::kFloat);
}

std::vector<Batch> split_by_grid(const Batch& batch, std::vector<at::Tensor>* rows) {
  TORCH_CHECK(batch.coordinates.defined(), "a batch of functions needs coordinates");
  const int64_t axes = batch.x.dim() - 2;
  if (batch.coordinates.dim() == axes + 1) {
    if (rows) *rows = {at::arange(batch.x.size(0), batch.x.options().dtype(at::kLong))};
    return {batch};
  }
  TORCH_CHECK(batch.coordinates.dim() == axes + 2 && batch.mask.defined() &&
                  batch.mask.dim() == axes + 1 && batch.coordinates.size(0) == batch.x.size(0),
              "rows on grids of their own need coordinates [b, n, d] and a mask [b, n], not ",
              batch.coordinates.sizes());
  const at::Tensor masks = batch.mask.cpu(), coordinates = batch.coordinates.cpu();
  std::map<std::pair<std::vector<int64_t>, uint64_t>, size_t> known;  // grid -> its part
  std::vector<std::vector<int64_t>> members, lengths;                 // of each part
  for (int64_t row = 0; row < batch.x.size(0); ++row) {
    const std::vector<int64_t> own = lengths_of(masks[row]);
    const auto [grid, is_new] =
        known.try_emplace({own, hash_of(box(coordinates[row], 0, own))}, members.size());
    if (is_new) {
      members.emplace_back();
      lengths.push_back(own);
    }
    members[grid->second].push_back(row);
  }
  std::vector<Batch> parts;
  if (rows) rows->clear();
  for (size_t i = 0; i < members.size(); ++i) {
    const at::Tensor chosen = at::tensor(members[i], at::kLong).to(batch.x.device());
    if (rows) rows->push_back(chosen);
    Batch part = batch.rows(chosen);
    part.x = box(part.x, 2, lengths[i]);
    part.coordinates = box(part.coordinates[0], 0, lengths[i]);
    part.mask.reset();
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace ornstein
