#include "datasets/functions/csv_curves.h"

#include "framework/base/errors.h"
#include "framework/data/text_table.h"

namespace ornstein::functions {
namespace {

// The fields from `first` on, if all are numbers.
std::optional<std::vector<double>> numbers_of(const TableLine& line, size_t first) {
  std::vector<double> numbers;
  for (size_t i = first; i < line.fields.size(); ++i) {
    const auto number = line.fields[i].number();
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

bool rises(const std::vector<double>& numbers) {
  return numbers.size() > 1 && std::adjacent_find(numbers.begin(), numbers.end(),
                                                  std::greater_equal<>()) == numbers.end();
}

// A first column of names: text, or quoted beside fields that are not.
bool has_names(const TableLine& line) {
  if (line.fields.size() < 2) return false;
  return !line.fields[0].number() || (line.fields[0].quoted && !line.fields[1].quoted);
}

enum class First { kNames, kGrid, kCurve };

First first_line(const std::string& path, const TableLine& first,
                 const std::optional<TableLine>& second, size_t column, CsvHeader header) {
  const auto numbers = numbers_of(first, column);
  if (!numbers) {
    const bool any =
        std::any_of(first.fields.begin() + column, first.fields.end(),
                    [](const TableField& field) { return field.number().has_value(); });
    return any ? First::kCurve : First::kNames;  // a curve that is refused where it is read
  }
  if (header != CsvHeader::kAuto) return header == CsvHeader::kGrid ? First::kGrid : First::kCurve;
  if (!second) return First::kCurve;
  if (column > 0 && first.fields[0].text.empty()) return First::kGrid;
  const auto below = numbers_of(*second, column);
  if (!below || below->size() != numbers->size() || below->empty()) return First::kCurve;
  if (first.fields[column].quoted && !second->fields[column].quoted) return First::kGrid;
  if (!rises(*numbers)) return First::kCurve;
  if (rises(*below))
    throw DataError(
        fmt::format("{}: line {} may be the grid or a curve (it rises, and so does the next line) "
                    "--set dataset.header=grid or --set dataset.header=none",
                    path, first.number));
  return First::kGrid;
}

}  // namespace

CsvCurves read_csv_curves(const std::string& path, CsvHeader header) {
  TableLines lines(path);
  const auto first = lines.next();
  auto line = lines.next();
  if (!first) throw DataError(fmt::format("{}: is empty (one curve a line is needed)", path));
  const bool corner = line && line->fields.size() > 1 && first->fields[0].text.empty();
  const size_t column = corner || has_names(line ? *line : *first) ? 1 : 0;
  const First kind = first_line(path, *first, line, column, header);

  CsvCurves curves;
  std::vector<float> values;
  int64_t rows = 0;
  const size_t points = (line && kind == First::kNames ? *line : *first).fields.size() - column;
  auto take = [&](const TableLine& row) {
    auto refuse = [&](const std::string& problem) {
      throw DataError(fmt::format("{}: line {} {}", path, row.number, problem));
    };
    if (row.fields.size() - column != points)
      refuse(fmt::format("has {} values ({} are needed: one for each point of the grid)",
                         row.fields.size() - column, points));
    for (size_t i = column; i < row.fields.size(); ++i) {
      const auto number = row.fields[i].number();
      if (!number || !std::isfinite(static_cast<float>(*number)))
        refuse(
            fmt::format("holds '{}' (not a finite single-precision number) mend or drop the "
                        "curve",
                        row.fields[i].text));
      values.push_back(static_cast<float>(*number));
    }
    ++rows;
  };
  if (kind == First::kGrid) curves.grid = at::tensor(*numbers_of(*first, column), at::kDouble);
  if (kind == First::kCurve) take(*first);
  for (; line; line = lines.next()) take(*line);
  if (rows == 0)
    throw DataError(fmt::format("{}: holds no curve (one a line, of numbers, is needed)", path));
  curves.values = at::tensor(values).view({rows, -1});
  return curves;
}

}  // namespace ornstein::functions
