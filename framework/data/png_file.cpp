#include "framework/data/png_file.h"

#include <png.h>

#include "framework/base/errors.h"

namespace ornstein {

void write_png(const std::string& path, const at::Tensor& pixels) {
  TORCH_CHECK(pixels.dim() == 3 && pixels.scalar_type() == at::kByte && pixels.numel() > 0 &&
                  (pixels.size(2) == 1 || pixels.size(2) == 3),
              "a picture is [H, W, 1 or 3] uint8, not ", pixels.sizes(), " ", pixels.scalar_type());
  const at::Tensor bytes = pixels.cpu().contiguous();
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.height = static_cast<png_uint_32>(bytes.size(0));
  image.width = static_cast<png_uint_32>(bytes.size(1));
  image.format = bytes.size(2) == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  const int as_they_are = 0;  // no conversion to 8 bits
  const int row_stride = 0;   // rows follow each other
  const void* no_colormap = nullptr;
  if (!png_image_write_to_file(&image, path.c_str(), as_they_are, bytes.const_data_ptr<uint8_t>(),
                               row_stride, no_colormap))
    throw DataError(fmt::format("{}: cannot write the picture ({})", path, image.message));
}

}  // namespace ornstein
