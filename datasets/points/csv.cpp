#include "datasets/points/csv.h"

#include <cctype>
#include <cerrno>
#include <charconv>
#include <fstream>

#include "framework/base/errors.h"

namespace ornstein::points {
namespace {

constexpr std::string_view kBlank = " \t";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlank);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string_view unquoted(std::string_view text) {
  text = trimmed(text);
  if (text.size() >= 2 && text.starts_with('"') && text.ends_with('"'))
    return trimmed(text.substr(1, text.size() - 2));
  return text;
}

std::vector<std::string> fields_of(std::string_view line) {
  std::string_view separators = kBlank;
  for (const char* mark : {";", ","})
    if (line.find(*mark) != line.npos) {
      separators = mark;
      break;
    }
  std::vector<std::string> fields;
  while (true) {
    size_t end = 0;
    for (bool quoted = false; end < line.size(); ++end) {
      if (line[end] == '"') quoted = !quoted;
      if (!quoted && separators.find(line[end]) != separators.npos) break;
    }
    fields.emplace_back(unquoted(line.substr(0, end)));
    if (end == line.size()) return fields;
    line.remove_prefix(end + 1);
    if (separators == kBlank) line = trimmed(line);
  }
}

std::optional<double> number(std::string_view field) {
  if (field.starts_with('+')) field.remove_prefix(1);
  double value = 0;
  const char* end = field.data() + field.size();
  const auto [stop, failure] = std::from_chars(field.data(), end, value);
  if (field.empty() || stop != end || failure != std::errc()) return std::nullopt;
  if (std::isfinite(value) && !std::isfinite(static_cast<float>(value))) return std::nullopt;
  return value;
}

struct Line {
  int64_t number = 0;  // in the file, from 1
  std::vector<std::string> fields;
};

// The lines that hold something.
class Lines {
 public:
  explicit Lines(const std::string& path) : file_(path) {
    if (!file_)
      throw DataError(fmt::format("{}: cannot be opened ({})", path, std::strerror(errno)));
  }
  std::optional<Line> next() {
    for (std::string text; std::getline(file_, text);) {
      std::string_view rest = text;
      if (++number_ == 1 && rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
      if (rest.ends_with('\r')) rest.remove_suffix(1);
      rest = trimmed(rest);
      if (!rest.empty() && !rest.starts_with('#')) return Line{number_, fields_of(rest)};
    }
    return std::nullopt;
  }

 private:
  std::ifstream file_;
  int64_t number_ = 0;
};

bool is_text(const Line& line) {
  return std::none_of(line.fields.begin(), line.fields.end(),
                      [](const std::string& field) { return number(field).has_value(); });
}

std::string lower(std::string text) {
  for (char& letter : text)
    letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  return text;
}

// Where the columns `names` stand in `line`, if it has them all.
std::optional<std::vector<size_t>> places_of(const std::vector<std::string>& names,
                                             const Line& line) {
  std::vector<size_t> places;
  for (const std::string& name : names) {
    const auto found =
        std::find_if(line.fields.begin(), line.fields.end(),
                     [&](const std::string& field) { return lower(field) == lower(name); });
    if (found == line.fields.end()) return std::nullopt;
    places.push_back(found - line.fields.begin());
  }
  return places;
}

// Reads up to and with the header; the places of the columns in it.
std::vector<size_t> find_columns(const std::string& path, Lines& lines,
                                 const std::vector<std::string>& names) {
  std::optional<Line> first;
  for (auto line = lines.next(); line; line = lines.next()) {
    if (const auto places = places_of(names, *line)) return *places;
    if (!first) first = line;
  }
  throw DataError(fmt::format("{}: no line has the columns {} (its first line is: {})", path,
                              fmt::join(names, ", "),
                              first ? fmt::format("{}", fmt::join(first->fields, ", ")) : "empty"));
}

}  // namespace

Table read_table(const std::string& path, const TableOptions& options) {
  Lines lines(path);
  Table table;
  std::vector<double> values;
  std::vector<size_t> places;
  const bool chosen = !options.columns.empty();
  if (chosen) places = find_columns(path, lines, options.columns);
  size_t columns = places.size();  // of a row; 0 before the first

  for (auto line = lines.next(); line; line = lines.next()) {
    if (columns == 0 && is_text(*line)) continue;  // a header
    const std::vector<std::string>& fields = line->fields;
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
            place < fields.size() ? fields[place] : "");
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

at::Tensor read_csv(const std::string& path) { return read_table(path).values.to(at::kFloat); }

std::vector<std::string> header_of(const std::string& path) {
  const auto line = Lines(path).next();
  return line && is_text(*line) ? line->fields : std::vector<std::string>();
}

}  // namespace ornstein::points
