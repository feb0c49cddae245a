#include "framework/config/did_you_mean.h"

#include <algorithm>
#include <numeric>

namespace ornstein {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row.back();
}

}  // namespace

std::string did_you_mean(std::string_view name, const std::vector<std::string>& known) {
  if (known.empty()) return "";
  const auto nearest =
      std::min_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
        return edit_distance(name, a) < edit_distance(name, b);
      });
  std::string text;
  if (known.size() <= 24) text = fmt::format(" (known: {})", fmt::join(known, ", "));
  if (edit_distance(name, *nearest) <= std::max<size_t>(2, name.size() / 3)) {
    text += fmt::format(" did you mean '{}'?", *nearest);
  }
  return text;
}

}  // namespace ornstein
