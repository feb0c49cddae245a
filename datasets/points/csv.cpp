#include "datasets/points/csv.h"

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

std::vector<std::string_view> fields_of(std::string_view line) {
  std::string_view separators = kBlank;
  for (const char* mark : {";", ","})
    if (line.find(*mark) != line.npos) {
      separators = mark;
      break;
    }
  std::vector<std::string_view> fields;
  while (true) {
    const size_t end = line.find_first_of(separators);
    fields.push_back(trimmed(line.substr(0, end)));
    if (end == line.npos) return fields;
    line.remove_prefix(end + 1);
    if (separators == kBlank) line = trimmed(line);
  }
}

std::optional<float> number(std::string_view field) {
  if (field.starts_with('+')) field.remove_prefix(1);
  float value = 0;
  const char* end = field.data() + field.size();
  const auto [stop, failure] = std::from_chars(field.data(), end, value);
  if (field.empty() || stop != end || failure != std::errc()) return std::nullopt;
  return value;
}

}  // namespace

at::Tensor read_csv(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw DataError(fmt::format("{}: cannot be opened ({})", path, std::strerror(errno)));
  std::vector<float> values;
  int64_t columns = 0;  // of the first row; 0 before it
  std::string text;
  for (int64_t line = 1; std::getline(file, text); ++line) {
    std::string_view rest = text;
    if (line == 1 && rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);  // byte order mark
    if (rest.ends_with('\r')) rest.remove_suffix(1);
    rest = trimmed(rest);
    if (rest.empty() || rest.starts_with('#')) continue;

    auto refuse = [&](const std::string& problem) {
      throw DataError(fmt::format("{}: line {} {}", path, line, problem));
    };
    const auto fields = fields_of(rest);
    const size_t row = values.size();
    for (std::string_view field : fields)
      if (const auto value = number(field)) values.push_back(*value);
    const size_t numbers = values.size() - row;
    if (numbers == 0 && columns == 0) continue;  // a header
    if (numbers < fields.size()) {
      const auto text_field = std::find_if(fields.begin(), fields.end(),
                                           [](std::string_view field) { return !number(field); });
      refuse(
          fmt::format("holds '{}' (not a single-precision number) mend it, or begin the line "
                      "with # if it is a comment",
                      *text_field));
    }
    if (columns == 0) columns = static_cast<int64_t>(numbers);
    if (static_cast<int64_t>(numbers) != columns)
      refuse(fmt::format("has {} numbers (the first row has {})", numbers, columns));
    if (!std::all_of(values.begin() + row, values.end(), [](float x) { return std::isfinite(x); }))
      refuse("holds a NaN or infinity (every coordinate must be finite) mend or drop it");
  }
  if (columns == 0)
    throw DataError(fmt::format("{}: holds no row of numbers (one point a line is needed)", path));
  return at::tensor(values).view({-1, columns});
}

}  // namespace ornstein::points
