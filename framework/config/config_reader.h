// Strict, typed reading of a run's one JSON file. Every key read is remembered with the value that
// holds (given or default), so that after reading `resolved()` is the complete configuration, and a
// key nobody read is an error.
//
//   Configuration configuration(nlohmann::json::parse(text));
//   ConfigReader training = configuration.root().section("training");
//   int64_t steps = training.integer("steps", 1000, 0);
//   configuration.refuse_unknown_keys();
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ornstein {

class Configuration;

// A view of one section. Cheap to copy; the Configuration must outlive it. Every reader takes the
// fallback that holds when the key is absent; without fallback (std::nullopt) the key is required.
// All throw ConfigError naming the JSON path.
class ConfigReader {
 public:
  bool has(std::string_view key) const;
  bool flag(std::string_view key, std::optional<bool> fallback) const;
  int64_t integer(std::string_view key, std::optional<int64_t> fallback,
                  int64_t least = std::numeric_limits<int64_t>::min(),
                  int64_t most = std::numeric_limits<int64_t>::max()) const;
  double number(std::string_view key, std::optional<double> fallback,
                double least = -std::numeric_limits<double>::infinity(),
                double most = std::numeric_limits<double>::infinity()) const;
  std::string text(std::string_view key, std::optional<std::string> fallback) const;
  std::string choice(std::string_view key, std::optional<std::string> fallback,
                     const std::vector<std::string>& allowed) const;
  std::vector<int64_t> integers(std::string_view key, std::optional<std::vector<int64_t>> fallback,
                                int64_t least = std::numeric_limits<int64_t>::min()) const;
  std::vector<double> numbers(std::string_view key,
                              std::optional<std::vector<double>> fallback) const;
  std::vector<std::string> texts(std::string_view key,
                                 std::optional<std::vector<std::string>> fallback) const;
  // One or more of `allowed`.
  std::vector<std::string> choices(std::string_view key,
                                   std::optional<std::vector<std::string>> fallback,
                                   const std::vector<std::string>& allowed) const;

  // A text or a list of texts, always returned as a list; required.
  std::vector<std::string> text_or_texts(std::string_view key) const;

  ConfigReader section(std::string_view key) const;  // an absent section reads as empty
  std::vector<std::string> keys() const;             // as given, for maps such as `training.groups`
  // Throws ConfigError "PATH.KEY: problem", for checks over several keys.
  [[noreturn]] void fail(std::string_view key, std::string_view problem) const;

 private:
  friend class Configuration;
  ConfigReader(Configuration* owner, std::vector<std::string> path)
      : owner_(owner), path_(std::move(path)) {}
  std::string path_to(std::string_view key) const;
  const nlohmann::json* find(std::string_view key) const;
  void remember(std::string_view key, nlohmann::json value) const;
  template <class T>
  T read(std::string_view key, const std::optional<T>& fallback, const char* type,
         bool (*fits)(const nlohmann::json&)) const;

  Configuration* owner_;
  std::vector<std::string> path_;
};

class Configuration {
 public:
  // `given` must be an object; `name` stands for the file in messages.
  explicit Configuration(const nlohmann::json& given, std::string name = "configuration");
  ~Configuration();

  // Reads FILE, then lays "a.b=value" settings over it: value is JSON, or else text.
  static std::unique_ptr<Configuration> from_file(const std::string& file,
                                                  const std::vector<std::string>& settings);
  static std::unique_ptr<Configuration> from_text(const std::string& json, const std::string& name,
                                                  const std::vector<std::string>& settings = {});

  ConfigReader root();
  void refuse_unknown_keys()
      const;  // ConfigError with "did you mean" for the first key nobody has read
  void refuse_unknown_keys(const std::vector<std::string>& settings) const;  // the same for theirs
  std::string given() const;     // as read, settings laid over; JSON text like resolved()
  std::string resolved() const;  // JSON text, indented, keys sorted, ends with a newline

 private:
  friend class ConfigReader;
  std::string name_;
  std::unique_ptr<nlohmann::json> given_, resolved_;
};

// JSON paths ("training.seed") at which two resolved configurations differ, sorted.
std::vector<std::string> differing_keys(const std::string& a, const std::string& b);

}  // namespace ornstein
