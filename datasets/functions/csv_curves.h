// Tables of curves as text.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace ornstein::functions {

struct CsvCurves {
  at::Tensor values;  // [N, n] float32
  at::Tensor grid;    // [n] float64; undefined where the header does not give it
};

// What the first line is, where it could be both.
enum class CsvHeader { kAuto, kGrid, kNone };

// One curve a line (framework/data/text_table.h). A first column that holds names (text, or quoted
// numbers beside plain ones) is dropped.
//
// The first line is a header if it holds text beyond the first column, or quoted numbers above
// plain ones, or an empty field above the names. A header of numbers is the grid. A first line of
// plain numbers is the grid if it rises and the second line does not; if both rise, kAuto throws.
// DataError naming file and line: a row of another length than the first, a field that is no number
// finite in single precision, no curve at all.
CsvCurves read_csv_curves(const std::string& path, CsvHeader header = CsvHeader::kAuto);

}  // namespace ornstein::functions
