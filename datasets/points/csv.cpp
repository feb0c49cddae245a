#include "datasets/points/csv.h"

#include <cctype>

#include "framework/base/errors.h"
#include "framework/data/text_table.h"

namespace ornstein::points {
namespace {

// Finite numbers must be so in single precision too.
std::optional<double> number(const TableField& field) {
  const auto value = field.number();
  if (value && std::isfinite(*value) && !std::isfinite(static_cast<float>(*value)))
    return std::nullopt;
  return value;
}

bool is_text(const TableLine& line) {
  return std::none_of(line.fields.begin(), line.fields.end(),
                      [](const TableField& field) { return number(field).has_value(); });
}

std::vector<std::string> texts_of(const TableLine& line) {
  std::vector<std::string> texts;
  for (const TableField& field : line.fields) texts.push_back(field.text);
  return texts;
}

std::string lower(std::string text) {
  for (char& letter : text)
    letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return text;
}

// Where the columns `names` stand in `line`, if it has them all.
std::optional<std::vector<size_t>> places_of(const std::vector<std::string>& names,
                                             const TableLine& line) {
  std::vector<size_t> places;
  for (const std::string& name : names) {
    const auto found =
        std::find_if(line.fields.begin(), line.fields.end(),
                     [&](const TableField& field) { return lower(field.text) == lower(name); });
    if (found == line.fields.end()) return std::nullopt;
    places.push_back(found - line.fields.begin());
  }
  return places;
}

// Reads up to and with the header; the places of the columns in it.
std::vector<size_t> find_columns(const std::string& path, TableLines& lines,
                                 const std::vector<std::string>& names) {
  std::optional<TableLine> first;
  for (auto line = lines.next(); line; line = lines.next()) {
    if (const auto places = places_of(names, *line)) return *places;
    if (!first) first = line;
  }
  throw DataError(fmt::format(
      "{}: no line has the columns {} (its first line is: {})", path, fmt::join(names, ", "),
      first ? fmt::format("{}", fmt::join(texts_of(*first), ", ")) : "empty"));
}

}  // namespace

Table read_table(const std::string& path, const TableOptions& options) {
  TableLines lines(path);
  Table table;
  std::vector<double> values;
  std::vector<size_t> places;
  const bool chosen = !options.columns.empty();
  if (chosen) places = find_columns(path, lines, options.columns);
  size_t columns = places.size();  // of a row; 0 before the first

  for (auto line = lines.next(); line; line = lines.next()) {
    if (columns == 0 && is_text(*line)) continue;  // a header
    const std::vector<TableField>& fields = line->fields;
    if (!chosen && columns == 0) {
      columns = fields.size();
      for (size_t i = 0; i < columns; ++i) places.push_back(i);
    }
    const size_t row = values.size();
    std::string problem;
    if (!chosen && fields.size() != columns)
      problem = fmt::format("has {} numbers (the first row has {})", fields.size(), columns);
    for (const size_t place : places) {
      const auto value = place < fields.size() ? number(fields[place]) : std::nullopt;
      if (!value && problem.empty())
        problem = fmt::format(
            "holds '{}' (not a single-precision number) mend it, or begin the line with # if it is "
            "a comment",
            place < fields.size() ? fields[place].text : "");
      else if (value && !std::isfinite(*value) && problem.empty())
        problem = "holds a NaN or infinity (every coordinate must be finite) mend or drop it";
      values.push_back(value.value_or(0));
    }
    if (problem.empty()) {
      table.lines.push_back(line->number);
      continue;
    }
    if (!options.skip) throw DataError(fmt::format("{}: line {} {}", path, line->number, problem));
    values.resize(row);
    ++table.skipped;
  }
  if (table.lines.empty())
    throw DataError(fmt::format("{}: holds no row of numbers (one point a line is needed)", path));
  table.values = at::tensor(values, at::kDouble).view({std::ssize(table.lines), -1});
  return table;
}

std::vector<std::string> header_of(const std::string& path) {
  const auto line = TableLines(path).next();
  return line && is_text(*line) ? texts_of(*line) : std::vector<std::string>();
}

}  // namespace ornstein::points
