#include "framework/config/json_line.h"

#include <nlohmann/json.hpp>

namespace ornstein {

using Json = nlohmann::json;

JsonLine& JsonLine::add_raw(std::string_view key, std::string_view value) {
  if (!body_.empty()) body_ += ", ";
  body_ += fmt::format("{}: {}", Json(key).dump(), value);
  return *this;
}

JsonLine& JsonLine::add(std::string_view key, int64_t value) {
  return add_raw(key, fmt::format("{}", value));
}
JsonLine& JsonLine::add(std::string_view key, double value) {
  return add_raw(key, Json(value).dump());
}
JsonLine& JsonLine::add(std::string_view key, bool value) {
  return add_raw(key, value ? "true" : "false");
}
JsonLine& JsonLine::add(std::string_view key, std::string_view text) {
  return add_raw(key, Json(text).dump());
}
JsonLine& JsonLine::add(std::string_view key, const JsonLine& object) {
  return add_raw(key, object.text());
}
JsonLine& JsonLine::add(std::string_view key, const std::vector<int64_t>& numbers) {
  return add_raw(key, Json(numbers).dump());
}

std::optional<int64_t> integer_in_json(const std::string& line, const std::string& key) {
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains(key) || !json[key].is_number_integer())
    return std::nullopt;
  return json[key].get<int64_t>();
}

std::optional<std::string> text_in_json(const std::string& text, const std::string& path) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return std::nullopt;
  std::string pointer = "/" + path;
  std::replace(pointer.begin(), pointer.end(), '.', '/');
  const Json::json_pointer where(pointer);
  if (!json.contains(where) || !json[where].is_string()) return std::nullopt;
  return json[where].get<std::string>();
}

}  // namespace ornstein
