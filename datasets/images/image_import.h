// Makes data files of kind `images` from what people have. All throw DataError naming the file at
// fault, and leave nothing behind when they do.
#pragma once

#include <string>
#include <vector>

#include "framework/data/dataset_factory.h"

namespace ornstein::images {

// Each source is a file or a folder. A font, alone, goes to import_font; IDX files (or folders
// holding some) go to import_idx, all else to import_pictures; not both at once.
void import_images(const std::vector<std::string>& sources, const std::string& output,
                   const ImportOptions& options);

// Images [N, H, W] and labels [N], which belong together when their names are the same up to
// "images" or "labels". Rows of files named t10k or test come last and have split 2, the others 0;
// without such a file there is no split.
void import_idx(const std::vector<std::string>& files, const std::string& output,
                const ImportOptions& options);

// PNG and JPEG files, in the order of their names; sub-folders are classes, numbered in the order
// of their names, which go to the attribute `class_names`, one a line. One channel if all pictures
// are grey or options.grey, else RGB. All must have one size unless options.size is given.
void import_pictures(const std::vector<std::string>& sources, const std::string& output,
                     const ImportOptions& options);

// The colour bitmaps of a font, one a glyph, by glyph index, on white (mixed in the stored values).
// All are cut or widened to the smallest centred square that holds whatever is not transparent in
// any of them, so that nothing is lost and all keep one scale (Noto Color Emoji: 136 x 128 pixels,
// of which 128 x 128 are used); then resized to options.size, where given.
void import_font(const std::string& path, const std::string& output, const ImportOptions& options);

// "a.png, b.png": what the attribute `source` says, without folders.
std::string file_names(const std::vector<std::string>& paths);

}  // namespace ornstein::images
