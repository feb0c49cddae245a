#include "datasets/images/font_file.h"

#include <ft2build.h>

#include <fstream>
#include FT_FREETYPE_H
#include FT_SFNT_NAMES_H
#include FT_TRUETYPE_IDS_H

#include "framework/base/errors.h"

namespace ornstein::images {

bool is_font_file(const std::string& path) {
  std::array<char, 4> magic{};
  std::ifstream(path, std::ios::binary).read(magic.data(), magic.size());
  const std::string_view start(magic.data(), magic.size());
  return start == std::string_view("\0\1\0\0", 4) || start == "OTTO" || start == "true" ||
         start == "ttcf";
}

FontFile::FontFile(const std::string& path) : path_(path) {
  FT_Library library = nullptr;
  check(FT_Init_FreeType(&library), "FreeType does not start");
  library_.reset(library, FT_Done_FreeType);
  FT_Face face = nullptr;
  check(FT_New_Face(library, path.c_str(), 0, &face), "its header");
  // The face goes before the library.
  face_.reset(face, [kept = library_](FT_Face opened) { FT_Done_Face(opened); });
  int largest = 0;
  for (int i = 1; i < face->num_fixed_sizes; ++i)
    if (face->available_sizes[i].y_ppem > face->available_sizes[largest].y_ppem) largest = i;
  if (face->num_fixed_sizes > 0)
    check(FT_Select_Size(face, largest), "its size cannot be selected");
}

int64_t FontFile::glyphs() const { return face_->num_glyphs; }

at::Tensor FontFile::picture(int64_t glyph) {
  if (face_->num_fixed_sizes == 0) return {};
  const FT_Error error = FT_Load_Glyph(face_.get(), static_cast<FT_UInt>(glyph), FT_LOAD_COLOR);
  if (error == FT_Err_Missing_Bitmap) return {};
  check(error, fmt::format("glyph {}", glyph));
  const FT_GlyphSlot slot = face_->glyph;
  const FT_Bitmap& bitmap = slot->bitmap;
  if (slot->format != FT_GLYPH_FORMAT_BITMAP || bitmap.pixel_mode != FT_PIXEL_MODE_BGRA ||
      bitmap.rows == 0 || bitmap.width == 0)
    return {};
  const at::Tensor stored =
      at::from_blob(bitmap.buffer, {bitmap.rows, bitmap.width, 4}, {bitmap.pitch, 4, 1}, at::kByte);
  return stored.permute({2, 0, 1}).index_select(0, at::tensor({2, 1, 0, 3}));
}

std::string FontFile::name(int number) const {
  for (FT_UInt i = 0; i < FT_Get_Sfnt_Name_Count(face_.get()); ++i) {
    FT_SfntName entry{};
    if (FT_Get_Sfnt_Name(face_.get(), i, &entry) != 0 || entry.name_id != number ||
        entry.platform_id != TT_PLATFORM_MICROSOFT)
      continue;
    std::string text;  // of UTF-16, big-endian
    for (FT_UInt at = 0; at + 1 < entry.string_len; at += 2)
      if (entry.string[at] == 0 && entry.string[at + 1] < 0x80)
        text += static_cast<char>(entry.string[at + 1]);
    return text;
  }
  return "";
}

void FontFile::check(int error, const std::string& what) const {
  if (error != 0)
    throw DataError(
        fmt::format("{} is damaged, or no font ({}: FreeType's error {:#x}) fetch it "
                    "again",
                    path_, what, error));
}

}  // namespace ornstein::images
