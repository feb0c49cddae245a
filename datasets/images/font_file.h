// Colour bitmap fonts, such as Noto Color Emoji: OpenType files that hold glyphs as small pictures
// (tables CBDT and CBLC, or sbix), read through FreeType.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>

struct FT_LibraryRec_;
struct FT_FaceRec_;

namespace ornstein::images {

// Whether the file begins like an OpenType or TrueType font.
bool is_font_file(const std::string& path);

class FontFile {
 public:
  // Opens the first face, at the largest size it has pictures of. Throws DataError, as picture()
  // does.
  explicit FontFile(const std::string& path);

  const std::string& path() const { return path_; }
  int64_t glyphs() const;
  // The glyph's picture, uint8 [4, H, W]: red, green, blue, each times opacity, and opacity.
  // Undefined where the glyph has none.
  at::Tensor picture(int64_t glyph);
  // What the font's `name` table says under this number, its ASCII part; empty if nothing.
  std::string name(int number) const;

 private:
  void check(int error, const std::string& what) const;

  std::string path_;
  std::shared_ptr<FT_LibraryRec_> library_;
  std::shared_ptr<FT_FaceRec_> face_;
};

}  // namespace ornstein::images
