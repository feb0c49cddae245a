#include "datasets/images/image_samples.h"

#include "framework/checkpoint/hdf5_file.h"
#include "framework/data/png_file.h"

namespace ornstein::images {

void write_images(const Batch& samples, const DataSpec&, Hdf5File& file) {
  file.write("/images", samples.x.detach().to(at::kCPU, at::kFloat).contiguous());
  if (samples.labels.defined()) file.write("/labels", samples.labels.cpu().contiguous());
}

void draw_images(const Batch& samples, const DataSpec&, const std::string& png) {
  constexpr int64_t kPerLine = 8, kMostWide = 1000, kWhite = 255;
  at::Tensor images = samples.x.detach().to(at::kCPU, at::kFloat);  // [N, C, H, W]
  TORCH_CHECK(images.dim() == 4 && images.numel() > 0, "images to draw must be [N, C, H, W]");
  if (images.size(1) != 3) images = images.narrow(1, 0, 1);
  images = images.nan_to_num(-1).clamp(-1, 1).add(1).mul(127.5).round().to(at::kByte);

  const int64_t count = images.size(0), channels = images.size(1), height = images.size(2),
                width = images.size(3);
  const int64_t columns = std::min(count, kPerLine), lines = (count + columns - 1) / columns;
  at::Tensor grid =
      at::full({lines * (height + 1) - 1, columns * (width + 1) - 1, channels}, kWhite, at::kByte);
  for (int64_t i = 0; i < count; ++i)
    grid.narrow(0, i / columns * (height + 1), height)
        .narrow(1, i % columns * (width + 1), width)
        .copy_(images[i].permute({1, 2, 0}));
  const int64_t factor = std::max<int64_t>(1, kMostWide / grid.size(1));
  write_png(png, grid.repeat_interleave(factor, 0).repeat_interleave(factor, 1));
}

}  // namespace ornstein::images
