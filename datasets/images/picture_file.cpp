#include "datasets/images/picture_file.h"

#include <png.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
// After <cstdio>, which they need.
#include <jerror.h>
#include <jpeglib.h>

#include "framework/base/errors.h"

namespace ornstein::images {
namespace {

[[noreturn]] void fail(const std::string& path, const std::string& why) {
  throw DataError(fmt::format("{} cannot be decoded ({}) save it again, or remove it", path, why));
}

bool is_png(const std::string& path) {
  std::array<char, 4> magic{};
  std::ifstream file(path, std::ios::binary);
  file.read(magic.data(), magic.size());
  const std::string_view start(magic.data(), magic.size());
  if (start == "\x89PNG") return true;
  if (start.substr(0, 3) == "\xFF\xD8\xFF") return false;
  throw DataError(
      fmt::format("{} is no picture (its first bytes are neither PNG's nor JPEG's) "
                  "convert it, or remove it",
                  path));
}

class PngDecoder {
 public:
  explicit PngDecoder(const std::string& path) : path_(path) {
    image_.version = PNG_IMAGE_VERSION;
    check(png_image_begin_read_from_file(&image_, path.c_str()));
  }
  ~PngDecoder() { png_image_free(&image_); }
  PngDecoder(const PngDecoder&) = delete;

  PictureShape shape() const {
    if (image_.format & PNG_FORMAT_FLAG_LINEAR)  // libpng's word for 16 bits
      throw DataError(
          fmt::format("{} has 16 bits a channel (pictures are stored in 8, the rest would be lost) "
                      "convert it to 8 bits, or store float32 `images` in an HDF5 data file",
                      path_));
    return {image_.format & PNG_FORMAT_FLAG_COLOR ? 3 : 1, image_.height, image_.width};
  }

  at::Tensor read() {
    const auto [channels, height, width] = shape();
    const bool alpha = image_.format & PNG_FORMAT_FLAG_ALPHA;
    image_.format &= PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA;
    at::Tensor pixels = at::empty({height, width, channels + alpha}, at::kByte);
    check(png_image_finish_read(&image_, nullptr, pixels.mutable_data_ptr(), 0, nullptr));
    if (alpha) {
      const at::Tensor opacity = pixels.narrow(2, channels, 1).to(at::kFloat).div_(255);
      const at::Tensor colour = pixels.narrow(2, 0, channels).to(at::kFloat);
      pixels = (255 + (colour - 255) * opacity).round().to(at::kByte);
    }
    return pixels.permute({2, 0, 1}).contiguous();
  }

 private:
  void check(int done) {
    if (!done) fail(path_, image_.message);  // libpng has freed image_
  }

  std::string path_;
  png_image image_{};
};

class JpegDecoder {
 public:
  explicit JpegDecoder(const std::string& path)
      : path_(path), stream_(std::fopen(path.c_str(), "rb"), &std::fclose) {
    if (!stream_) fail(path_, "it cannot be opened");
    jpeg_.err = jpeg_std_error(&errors_);
    errors_.error_exit = [](j_common_ptr jpeg) { fail_in(jpeg); };
    errors_.emit_message = [](j_common_ptr jpeg, int level) {
      const bool warning = level < 0;  // among them: the file ends too early
      if (warning && jpeg->err->msg_code != JWRN_EXTRANEOUS_DATA) fail_in(jpeg);
    };
    jpeg_.client_data = &path_;
    jpeg_create_decompress(&jpeg_);
    jpeg_stdio_src(&jpeg_, stream_.get());
  }
  ~JpegDecoder() { jpeg_destroy_decompress(&jpeg_); }
  JpegDecoder(const JpegDecoder&) = delete;

  PictureShape read_header() {
    jpeg_read_header(&jpeg_, TRUE);
    if (jpeg_.num_components != 1 && jpeg_.num_components != 3)
      fail(path_, fmt::format("a JPEG of {} channels, CMYK perhaps", jpeg_.num_components));
    return {jpeg_.num_components, jpeg_.image_height, jpeg_.image_width};
  }

  at::Tensor read() {
    const auto [channels, height, width] = read_header();
    jpeg_.out_color_space = channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
    jpeg_start_decompress(&jpeg_);
    at::Tensor pixels = at::empty({height, width, channels}, at::kByte);
    while (jpeg_.output_scanline < jpeg_.output_height) {
      JSAMPROW row = pixels.mutable_data_ptr<uint8_t>() + jpeg_.output_scanline * width * channels;
      jpeg_read_scanlines(&jpeg_, &row, 1);
    }
    jpeg_finish_decompress(&jpeg_);
    return pixels.permute({2, 0, 1}).contiguous();
  }

 private:
  // libjpeg's own handlers end the process; ours throw through its frames.
  [[noreturn]] static void fail_in(j_common_ptr jpeg) {
    std::array<char, JMSG_LENGTH_MAX> why{};
    jpeg->err->format_message(jpeg, why.data());
    fail(*static_cast<const std::string*>(jpeg->client_data), why.data());
  }

  std::string path_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream_;
  jpeg_error_mgr errors_{};
  jpeg_decompress_struct jpeg_{};
};

}  // namespace

PictureShape picture_shape(const std::string& path) {
  return is_png(path) ? PngDecoder(path).shape() : JpegDecoder(path).read_header();
}

at::Tensor read_picture(const std::string& path) {
  return is_png(path) ? PngDecoder(path).read() : JpegDecoder(path).read();
}

at::Tensor with_channels(const at::Tensor& images, int64_t channels) {
  if (images.size(1) == channels) return images;
  if (channels == 3) return images.expand({-1, 3, -1, -1});
  const at::Tensor luma = at::tensor({0.299, 0.587, 0.114}).view({1, 3, 1, 1});
  return (images.to(at::kFloat) * luma).sum(1, /*keepdim=*/true).round().to(at::kByte);
}

at::Tensor centre_square(const at::Tensor& images, int64_t size) {
  const int64_t height = images.size(2), width = images.size(3), side = std::min(height, width);
  const at::Tensor square =
      images.narrow(2, (height - side) / 2, side).narrow(3, (width - side) / 2, side);
  if (side == size) return square;
  return at::_upsample_bilinear2d_aa(square.to(at::kFloat), {size, size}, /*align_corners=*/false)
      .round_()
      .clamp_(0, 255)
      .to(at::kByte);
}

}  // namespace ornstein::images
