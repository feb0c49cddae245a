// Tables as text, a line at a time: what importers of every kind of data read.
#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

namespace ornstein {

struct TableField {
  std::string text;  // without the double quotes and blanks around it
  bool quoted = false;

  std::optional<double> number() const;  // the whole of `text`, a sign allowed; also nan and inf
};

struct TableLine {
  int64_t number = 0;  // in the file, from 1
  std::vector<TableField> fields;
};

// The lines of a file that hold something. Fields are set apart by ';', else ',', else white space,
// and may stand in double quotes; lines end with LF or CR LF, the last one with or without; a byte
// order mark, empty lines and those that begin with # are skipped. DataError naming the file where
// it cannot be opened, and the line where one holds a zero byte.
class TableLines {
 public:
  explicit TableLines(const std::string& path);
  std::optional<TableLine> next();

 private:
  std::string path_;
  std::ifstream file_;
  int64_t number_ = 0;
};

}  // namespace ornstein
