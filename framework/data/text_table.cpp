#include "framework/data/text_table.h"

#include <cerrno>
#include <charconv>

#include "framework/base/errors.h"

namespace ornstein {
namespace {

constexpr std::string_view kBlank = " \t";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlank);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

TableField field_of(std::string_view text) {
  text = trimmed(text);
  if (text.size() >= 2 && text.starts_with('"') && text.ends_with('"'))
    return {std::string(trimmed(text.substr(1, text.size() - 2))), true};
  return {std::string(text), false};
}

std::vector<TableField> fields_of(std::string_view line) {
  std::string_view separators = kBlank;
  for (const char* mark : {";", ","})
    if (line.find(*mark) != line.npos) {
      separators = mark;
      break;
    }
  std::vector<TableField> fields;
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

}  // namespace

std::optional<double> TableField::number() const {
  std::string_view rest = text;
  if (rest.starts_with('+')) rest.remove_prefix(1);
  double value = 0;
  const auto [stop, failure] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (rest.empty() || stop != rest.data() + rest.size() || failure != std::errc())
    return std::nullopt;
  return value;
}

TableLines::TableLines(const std::string& path) : path_(path), file_(path) {
  if (!file_) throw DataError(fmt::format("{}: cannot be opened ({})", path, std::strerror(errno)));
}

std::optional<TableLine> TableLines::next() {
  for (std::string text; std::getline(file_, text);) {
    if (text.find('\0') != text.npos)
      throw DataError(fmt::format("{}: line {} holds a zero byte (no text file) give a table",
                                  path_, number_ + 1));
    std::string_view rest = text;
    if (++number_ == 1 && rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
    if (rest.ends_with('\r')) rest.remove_suffix(1);
    rest = trimmed(rest);
    if (!rest.empty() && !rest.starts_with('#')) return TableLine{number_, fields_of(rest)};
  }
  return std::nullopt;
}

}  // namespace ornstein
