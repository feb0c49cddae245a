#include "datasets/point_clouds/cloud_file.h"

#include "framework/base/errors.h"
#include "framework/data/data_file.h"

namespace ornstein::point_clouds {
namespace {
constexpr int64_t kBlock = 1 << 20;  // numbers read at a time: at most 8 MB as float64
}  // namespace

CloudFile::CloudFile(const std::string& path) : file_(open_data_file(path, "point_clouds")) {
  auto refuse = [&](const std::string& problem) {
    throw DataError(fmt::format("{}: {}", path, problem));
  };
  if (!file_.has("/points"))
    refuse("has no data set 'points' ([N, P, D], or [sum of P, D] with 'offsets' [N + 1])");
  const auto shape = file_.shape("/points");
  ragged_ = file_.has("/offsets");
  if (std::ssize(shape) != (ragged_ ? 2 : 3) || c10::multiply_integers(shape) == 0)
    refuse(fmt::format("'points' has shape [{}] ({})", fmt::join(shape, ", "),
                       ragged_ ? "with 'offsets' it is [sum of P, D]"
                               : "[N, P, D] is needed, or [sum of P, D] with 'offsets' [N + 1]"));
  dimensions_ = shape.back();
  if (!ragged_) {
    for (int64_t i = 0; i <= shape[0]; ++i) offsets_.push_back(i * shape[1]);
    return;
  }
  const auto own = file_.shape("/offsets");
  if (own.size() != 1 || own[0] < 2 || !at::isIntegralType(file_.type("/offsets"), false))
    refuse(fmt::format("'offsets' is [{}] of {} (integers [N + 1] are needed)",
                       fmt::join(own, ", "), c10::toString(file_.type("/offsets"))));
  const at::Tensor offsets = file_.read("/offsets").to(at::kLong).contiguous();
  offsets_.assign(offsets.const_data_ptr<int64_t>(),
                  offsets.const_data_ptr<int64_t>() + offsets.numel());
  if (offsets_.front() != 0 || offsets_.back() != shape[0])
    refuse(fmt::format("'offsets' runs from {} to {} (from 0 to the number of points, {})",
                       offsets_.front(), offsets_.back(), shape[0]));
  for (int64_t i = 0; i < clouds(); ++i)
    if (points_of(i) < 1)
      refuse(fmt::format("cloud {} holds no point ('offsets' goes from {} to {}) drop it", i,
                         offsets_[i], offsets_[i + 1]));
}

at::Tensor CloudFile::read(int64_t cloud) const {
  const at::Tensor points = ragged_ ? file_.read_rows("/points", offsets_[cloud], points_of(cloud))
                                    : file_.read_rows("/points", cloud, 1).squeeze(0);
  return points.to(at::kFloat);
}

void CloudFile::scan(
    const std::function<void(int64_t cloud, const at::Tensor& points)>& take) const {
  for (int64_t first = 0, end; first < clouds(); first = end) {
    end = first + 1;
    while (end < clouds() && (offsets_[end + 1] - offsets_[first]) * dimensions_ <= kBlock) ++end;
    const at::Tensor block =
        (ragged_ ? file_.read_rows("/points", offsets_[first], offsets_[end] - offsets_[first])
                 : file_.read_rows("/points", first, end - first))
            .to(at::kFloat)
            .view({-1, dimensions_});
    for (int64_t cloud = first; cloud < end; ++cloud) {
      const at::Tensor points =
          block.narrow(0, offsets_[cloud] - offsets_[first], points_of(cloud));
      const at::Tensor wrong = at::nonzero(points.isfinite().all(1).logical_not());
      if (wrong.numel() > 0)
        throw DataError(
            fmt::format("{}: point {} of cloud {} is not finite in single precision (NaN or "
                        "infinity) mend or drop the cloud",
                        path(), wrong[0].item<int64_t>(), cloud));
      take(cloud, points);
    }
  }
}

void write_clouds(const Batch& samples, Hdf5File& file) {
  const at::Tensor x = samples.x.to(at::kFloat).cpu();
  if (!samples.mask.defined() || samples.mask.all().item<bool>()) {
    file.write("/points", x);
  } else {
    const at::Tensor mask = samples.mask.cpu();
    file.write("/points", x.index({mask}));  // row by row, in order
    file.write("/offsets", at::cat({at::zeros({1}, at::kLong), mask.sum(1).cumsum(0)}));
  }
  if (samples.labels.defined()) file.write("/labels", samples.labels.cpu());
}

}  // namespace ornstein::point_clouds
