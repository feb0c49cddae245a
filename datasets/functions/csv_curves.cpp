#include "datasets/functions/csv_curves.h"

#include <cerrno>
#include <charconv>
#include <fstream>

#include "framework/base/errors.h"

namespace ornstein::functions {
namespace {

constexpr std::string_view kBlank = " \t";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlank);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

struct Field {
  std::string text;  // without quotes
  bool quoted = false;

  std::optional<double> number() const {
    std::string_view rest = text;
    if (rest.starts_with('+')) rest.remove_prefix(1);
    double value = 0;
    const auto [stop, failure] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (rest.empty() || stop != rest.data() + rest.size() || failure != std::errc())
      return std::nullopt;
    return value;
  }
};

struct Line {
  int64_t number = 0;  // in the file, from 1
  std::vector<Field> fields;
};

Field field_of(std::string_view text) {
  text = trimmed(text);
  if (text.size() >= 2 && text.starts_with('"') && text.ends_with('"'))
    return {std::string(trimmed(text.substr(1, text.size() - 2))), true};
  return {std::string(text), false};
}

std::vector<Field> fields_of(std::string_view line) {
  std::string_view separators = kBlank;
  for (const char* mark : {";", ","})
    if (line.find(*mark) != line.npos) {
      separators = mark;
      break;
    }
  std::vector<Field> fields;
  while (true) {
    size_t end = 0;
    for (bool quoted = false; end < line.size(); ++end) {
      if (line[end] == '"') quoted = !quoted;
      if (!quoted && separators.find(line[end]) != separators.npos) break;
    }
    fields.push_back(field_of(line.substr(0, end)));
    if (end == line.size()) return fields;
    line.remove_prefix(end + 1);
    if (separators == kBlank) line = trimmed(line);
  }
}

// The lines that hold something.
class Lines {
 public:
  explicit Lines(const std::string& path) : path_(path), file_(path) {
    if (!file_)
      throw DataError(fmt::format("{}: cannot be opened ({})", path, std::strerror(errno)));
  }
  std::optional<Line> next() {
    for (std::string text; std::getline(file_, text);) {
      if (text.find('\0') != text.npos)
        throw DataError(fmt::format("{}: line {} holds a zero byte (no text file) give a table",
                                    path_, number_ + 1));
      std::string_view rest = text;
      if (++number_ == 1 && rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
      if (rest.ends_with('\r')) rest.remove_suffix(1);
      rest = trimmed(rest);
      if (!rest.empty() && !rest.starts_with('#')) return Line{number_, fields_of(rest)};
    }
    return std::nullopt;
  }

 private:
  std::string path_;
  std::ifstream file_;
  int64_t number_ = 0;
};

// The fields from `first` on, if all are numbers.
std::optional<std::vector<double>> numbers_of(const Line& line, size_t first) {
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
bool has_names(const Line& line) {
  if (line.fields.size() < 2) return false;
  return !line.fields[0].number() || (line.fields[0].quoted && !line.fields[1].quoted);
}

enum class First { kNames, kGrid, kCurve };

First first_line(const std::string& path, const Line& first, const std::optional<Line>& second,
                 size_t column, CsvHeader header) {
  const auto numbers = numbers_of(first, column);
  if (!numbers) {
    const bool any = std::any_of(first.fields.begin() + column, first.fields.end(),
                                 [](const Field& field) { return field.number().has_value(); });
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
  Lines lines(path);
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
  auto take = [&](const Line& row) {
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
