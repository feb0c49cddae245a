// What becomes of functions that were sampled: a data file, a picture.
#pragma once

#include <string>

#include "framework/checkpoint/hdf5_file.h"
#include "framework/data/dataset.h"

namespace ornstein::functions {

// The data sets `values`, `coordinates` (from the batch, which must share them) and `condition`,
// and the attribute `period`, of a data file.
void write_functions(const Batch& samples, const DataSpec& spec, Hdf5File& file);

// Curves (curves.h), or fields as a mosaic (field_mosaic.h); a panel a channel.
void draw_functions(const Batch& samples, const DataSpec& spec, const std::string& png);

}  // namespace ornstein::functions
