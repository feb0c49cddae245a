// One JSON object on one line, keys in the order they are added: for metrics, provenance and
// figures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ornstein {

class JsonLine {
 public:
  JsonLine& add(std::string_view key, int64_t value);
  JsonLine& add(std::string_view key, double value);  // null where JSON has no number for it
  JsonLine& add(std::string_view key, bool value);
  JsonLine& add(std::string_view key, std::string_view text);
  JsonLine& add(std::string_view key, const char* text) { return add(key, std::string_view(text)); }
  JsonLine& add(std::string_view key, const JsonLine& object);
  JsonLine& add(std::string_view key, const std::vector<int64_t>& numbers);
  std::string text() const { return "{" + body_ + "}"; }  // without a newline

 private:
  JsonLine& add_raw(std::string_view key, std::string_view value);
  std::string body_;
};

// The whole number at `key` of a JSON object; nullopt for a torn line, another type, or no such
// key.
std::optional<int64_t> integer_in_json(const std::string& line, const std::string& key);

// The text at "a.b" of a JSON object; nullopt likewise.
std::optional<std::string> text_in_json(const std::string& json, const std::string& path);

}  // namespace ornstein
