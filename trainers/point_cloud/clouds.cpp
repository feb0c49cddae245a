#include "trainers/point_cloud/clouds.h"

#include "framework/math/moments.h"

namespace ornstein::point_cloud {
namespace {

at::Tensor mask_of(const Batch& clouds) {  // [B, P] bool
  if (clouds.mask.defined()) return clouds.mask;
  return at::ones(clouds.x.sizes().slice(0, 2), clouds.x.options().dtype(at::kBool));
}

// [B, P] int64: a cloud's own points in random order, then the masked ones.
at::Tensor random_order(const at::Tensor& mask, at::Generator& generator) {
  const at::Tensor keys = at::rand(mask.sizes(), generator, mask.options().dtype(at::kFloat));
  return (keys + 2 * mask.logical_not()).argsort(/*stable=*/true, 1);
}

at::Tensor gathered(const at::Tensor& x, const at::Tensor& index) {  // [B, P, D] by [B, n]
  return x.gather(1, index.unsqueeze(2).expand({-1, -1, x.size(2)}));
}

}  // namespace

at::Tensor CloudScale::standardise(const at::Tensor& x) const {
  return (x - mean.to(x.options())) / scale.to(x.options());
}

at::Tensor CloudScale::unstandardise(const at::Tensor& x) const {
  return x * scale.to(x.options()) + mean.to(x.options());
}

at::Tensor point_sums(const Batch& clouds) { return power_sums(clouds.x.index({mask_of(clouds)})); }

CloudScale scale_from(const at::Tensor& sums) {
  const at::Tensor mean = sums[1] / sums[0];
  const at::Tensor variance = (sums[2] / sums[0] - mean.square()).mean().view({1});
  // Below this the difference is rounding: all points are one.
  const at::Tensor varies = variance > 1e-12 * mean.square().mean();
  return {mean, at::where(varies, variance, 1.0).sqrt()};
}

bool CloudSizes::ragged() const {
  return counts.narrow(1, 0, counts.size(1) - 1).sum().item<double>() > 0;
}

at::Tensor CloudSizes::draw(int64_t clouds, const at::Tensor& labels,
                            at::Generator& generator) const {
  const at::Tensor all = at::zeros({clouds}, counts.options().dtype(at::kLong));
  at::Tensor law = counts.index_select(0, counts.size(0) > 1 ? labels : all);
  // A class without training clouds: the sizes of all.
  law = at::where(law.sum(1, true) > 0, law, counts.sum(0));
  const at::Tensor size = at::multinomial(law, 1, /*replacement=*/true, generator);  // less one
  return at::arange(counts.size(1), size.options()) <= size;
}

at::Tensor count_sizes(const Batch& clouds, int64_t classes) {
  const at::Tensor size = mask_of(clouds).sum(1) - 1;
  const at::Tensor label = classes > 1 ? clouds.labels : at::zeros_like(size);
  const int64_t points = clouds.x.size(1);
  return at::bincount(label * points + size, {}, classes * points)
      .view({classes, points})
      .to(at::kDouble);
}

RowNorm mean_square_of_points(const at::Tensor& mask) {
  return [mask](const at::Tensor& residual) {
    if (!mask.defined()) return mean_square(residual);
    const at::Tensor squares = residual.square().mean(2);
    return at::where(mask, squares, 0).sum(1) / mask.sum(1);
  };
}

Batch some_points(const Batch& clouds, int64_t points, at::Generator& generator) {
  if (clouds.x.size(1) <= points) return clouds;
  const at::Tensor index = random_order(mask_of(clouds), generator).narrow(1, 0, points);
  Batch chosen = clouds;
  chosen.x = gathered(clouds.x, index);
  if (clouds.mask.defined()) chosen.mask = clouds.mask.gather(1, index);
  return chosen;
}

at::Tensor exactly_points(const Batch& clouds, int64_t points, at::Generator& generator) {
  const at::Tensor mask = mask_of(clouds), order = random_order(mask, generator);
  const at::Tensor turns = at::arange(points, order.options()).unsqueeze(0);
  return gathered(clouds.x, order.gather(1, turns.remainder(mask.sum(1, /*keepdim=*/true))));
}

}  // namespace ornstein::point_cloud
