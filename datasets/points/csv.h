// Tables of numbers as text.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace ornstein::points {

// One row a line -> [N, D] float32. Fields are set apart by ';', else ',', else white space; lines
// end with LF or CR LF, the last one with or without. Comments ('#') and empty lines are skipped
// anywhere, a header only before the first row: lines of which no field is a number. Throws
// DataError naming file and line when a line mixes numbers and text, when a row has another length
// than the first, holds no number or one that is not finite, and when there is no row.
at::Tensor read_csv(const std::string& path);

}  // namespace ornstein::points
