#include "datasets/images/image_rows.h"

#include "framework/base/log.h"

namespace ornstein::images {
namespace {
constexpr int64_t kBufferBytes = int64_t{8} << 20;
constexpr std::chrono::seconds kBetweenLines{5};
}  // namespace

ImageRows::ImageRows(Hdf5File& file, int64_t rows, const std::vector<int64_t>& shape)
    : file_(file), rows_(rows) {
  std::vector<int64_t> full = shape;
  full.insert(full.begin(), rows);
  file_.allocate("/images", at::kByte, full);
}

void ImageRows::append(const at::Tensor& images) {
  file_.write_rows("/images", written_, images.contiguous());
  written_ += images.size(0);
  const auto now = std::chrono::steady_clock::now();
  if (now - told_ < kBetweenLines) return;
  told_ = now;
  log_info(fmt::format("imported {} of {} images", written_, rows_));
}

int64_t rows_at_a_time(int64_t bytes_of_a_row) {
  return std::max<int64_t>(1, kBufferBytes / bytes_of_a_row);
}

}  // namespace ornstein::images
