#include "datasets/images/font_file.h"
#include "datasets/images/image_import.h"
#include "datasets/images/image_rows.h"
#include "datasets/images/picture_file.h"
#include "framework/base/errors.h"
#include "framework/data/data_file.h"

namespace ornstein::images {
namespace {

constexpr int kFamily = 1, kVersion = 5, kLicence = 13;  // numbers of OpenType's `name` table

// The side of the smallest centred square with all that is not transparent in it. opacity [H, W].
int64_t side_needed(const at::Tensor& opacity) {
  int64_t side = 0;
  for (int64_t axis : {0, 1}) {
    const int64_t length = opacity.size(axis);
    const at::Tensor used = at::nonzero(opacity.amax(1 - axis)).flatten();
    if (used.numel() == 0) return 0;
    const int64_t first = used[0].item<int64_t>(), last = used[-1].item<int64_t>();
    side = std::max({side, length - 2 * first, 2 * (last + 1) - length});
  }
  return side;
}

// A picture of FontFile on the middle of a white square -> [3, side, side].
at::Tensor on_white(const at::Tensor& picture, int64_t side) {
  const at::Tensor mixed = picture.narrow(0, 0, 3) + (255 - picture.narrow(0, 3, 1));
  const int64_t down = side - picture.size(1), across = side - picture.size(2);
  return at::constant_pad_nd(mixed, {across / 2, across - across / 2, down / 2, down - down / 2},
                             255);
}

struct Pictures {
  std::vector<int64_t> glyphs;
  int64_t side = 0;  // that all need
};

Pictures find_pictures(FontFile& font) {
  Pictures found;
  for (int64_t glyph = 0; glyph < font.glyphs(); ++glyph) {
    const at::Tensor picture = font.picture(glyph);
    if (!picture.defined()) continue;
    found.glyphs.push_back(glyph);
    found.side = std::max(found.side, side_needed(picture[3]));
  }
  if (found.side == 0)
    throw DataError(
        fmt::format("{} holds no coloured pictures (a font of outlines, or cut short) give one "
                    "with colour bitmaps, such as NotoColorEmoji.ttf",
                    font.path()));
  return found;
}

std::string licence_of(const FontFile& font) {
  const std::string text = font.name(kLicence);
  const bool open = text.find("SIL Open Font License, Version 1.1") != std::string::npos;
  return open ? "SIL Open Font License 1.1" : text;
}

std::string description_of(const FontFile& font) {
  const std::string version = font.name(kVersion);
  return fmt::format("the colour bitmaps of {} ({}) on white, by glyph index", font.name(kFamily),
                     version.substr(0, version.find(';')));
}

}  // namespace

void import_font(const std::string& path, const std::string& output, const ImportOptions& options) {
  FontFile font(path);
  const Pictures pictures = find_pictures(font);
  const int64_t size = options.size > 0 ? options.size : pictures.side;
  const int64_t channels = options.grey ? 1 : 3;

  write_data_file(output, "images", [&](Hdf5File& file) {
    ImageRows written(file, std::ssize(pictures.glyphs), {channels, size, size});
    const int64_t at_a_time = rows_at_a_time(channels * size * size);
    std::vector<at::Tensor> pending;
    for (const int64_t& glyph : pictures.glyphs) {
      const at::Tensor image = on_white(font.picture(glyph), pictures.side).unsqueeze(0);
      pending.push_back(centre_square(with_channels(image, channels), size));
      if (std::ssize(pending) < at_a_time && &glyph != &pictures.glyphs.back()) continue;
      written.append(at::cat(pending));
      pending.clear();
    }
    file.write_attribute("/", "source", file_names({path}));
    if (const std::string licence = licence_of(font); !licence.empty())
      file.write_attribute("/", "licence", licence);
    file.write_attribute("/", "description", description_of(font));
  });
}

}  // namespace ornstein::images
