// What becomes of drawn images: a data file's content, and a picture to look at.
#pragma once

#include <string>

#include "framework/base/batch.h"

namespace ornstein {
class Hdf5File;
}

namespace ornstein::images {

// samples.x [N, C, H, W] as float32 `images`, with `labels` [N] int64 where defined.
void write_images(const Batch& samples, const DataSpec& spec, Hdf5File& file);

// samples.x [N, C, H, W], clamped to [-1, 1], as a PNG of rows of eight with a white line between
// them, enlarged by the largest whole number that keeps it within 1000 pixels' width. Three
// channels are RGB; else the first is shown in grey.
void draw_images(const Batch& samples, const DataSpec& spec, const std::string& png);

}  // namespace ornstein::images
