// Tables of numbers as text.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace ornstein::points {

struct Table {
  at::Tensor values;           // [N, D] float64, finite in single precision
  std::vector<int64_t> lines;  // [N], of the rows in the file, from 1
  int64_t skipped = 0;         // rows left out, where that was allowed
};

struct TableOptions {
  std::vector<std::string> columns;  // names in the header, in any case of letters; empty: all
  bool skip = false;                 // leave out rows that are no numbers, and count them
};

// One row a line (framework/data/text_table.h). A header is skipped before the first row only:
// lines of which no field is a number.
// With `columns` the header is the first line that has them all, and other fields may hold
// anything. Throws DataError naming file and line when a line mixes numbers and text, when a row
// has another length than the first, holds no number or one that is not finite, and when there is
// no row.
Table read_table(const std::string& path, const TableOptions& options = {});

// The fields of the first line that is neither empty nor a comment, if none is a number.
std::vector<std::string> header_of(const std::string& path);

}  // namespace ornstein::points
