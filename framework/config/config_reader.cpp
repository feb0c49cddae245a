#include "framework/config/config_reader.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "framework/base/errors.h"
#include "framework/config/did_you_mean.h"

namespace ornstein {
namespace {

using Json = nlohmann::json;

std::string joined(const std::vector<std::string>& path, std::string_view key) {
  std::string text;
  for (const auto& part : path) text += part + ".";
  return text + std::string(key);
}

Json parse(const std::string& text, const std::string& name) {
  try {
    std::vector<std::set<std::string>> keys;  // of the objects that are open
    const auto refuse_twins = [&](int, Json::parse_event_t event, Json& parsed) {
      if (event == Json::parse_event_t::object_start) keys.emplace_back();
      if (event == Json::parse_event_t::object_end) keys.pop_back();
      if (event == Json::parse_event_t::key &&
          !keys.back().insert(parsed.get<std::string>()).second) {
        throw ConfigError(fmt::format("{}: key {} is there twice (one would be lost) take one out",
                                      name, parsed.dump()));
      }
      return true;
    };
    Json json = Json::parse(text, refuse_twins, true, /*ignore_comments=*/false);
    if (!json.is_object())
      throw ConfigError(name + ": not a JSON object (a configuration is {...})");
    return json;
  } catch (const Json::parse_error& error) {
    throw ConfigError(fmt::format("{}: no valid JSON ({})", name, error.what()));
  }
}

void lay_over(Json& json, const std::string& setting) {
  const auto equal = setting.find('=');
  if (equal == std::string::npos || equal == 0) {
    throw ConfigError(fmt::format("--set {} (no '=') write --set a.b=value", setting));
  }
  const std::string text = setting.substr(equal + 1);
  Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) value = text;
  Json* at = &json;
  std::stringstream path(setting.substr(0, equal));
  for (std::string key; std::getline(path, key, '.');) {
    if (key.empty() || !(at->is_object() || at->is_null())) {
      throw ConfigError(
          fmt::format("--set {} ('{}' is no section)", setting, setting.substr(0, equal)));
    }
    at = &(*at)[key];
  }
  *at = std::move(value);
}

bool is_integer(const Json& v) {
  return v.is_number_integer() ||
         (v.is_number_float() && v.get<double>() == std::floor(v.get<double>()) &&
          std::abs(v.get<double>()) < 9e15);
}
bool is_number(const Json& v) { return v.is_number(); }
bool is_flag(const Json& v) { return v.is_boolean(); }
bool is_text(const Json& v) { return v.is_string(); }
template <bool (*fits)(const Json&)>
bool is_list(const Json& v) {
  return v.is_array() && std::all_of(v.begin(), v.end(), fits);
}

void collect_unread(const Json& given, const Json& read, std::vector<std::string>& path,
                    const std::string& name) {
  for (const auto& [key, value] : given.items()) {
    if (!read.contains(key)) {
      std::vector<std::string> known;
      for (const auto& item : read.items()) known.push_back(item.key());
      throw ConfigError(
          fmt::format("{}: unknown key '{}'{}", name, joined(path, key), did_you_mean(key, known)));
    }
    if (value.is_object() && read[key].is_object()) {
      path.push_back(key);
      collect_unread(value, read[key], path, name);
      path.pop_back();
    }
  }
}

void collect_differences(const Json& a, const Json& b, const std::string& path,
                         std::set<std::string>& out) {
  if (a.is_object() && b.is_object()) {
    for (const auto& [key, value] : a.items()) {
      collect_differences(value, b.contains(key) ? b[key] : Json(),
                          path + (path.empty() ? "" : ".") + key, out);
    }
    for (const auto& [key, value] : b.items()) {
      if (!a.contains(key)) out.insert(path + (path.empty() ? "" : ".") + key);
    }
  } else if (a != b) {
    out.insert(path);
  }
}

}  // namespace

Configuration::Configuration(const Json& given, std::string name)
    : name_(std::move(name)),
      given_(std::make_unique<Json>(given)),
      resolved_(std::make_unique<Json>(Json::object())) {}
Configuration::~Configuration() = default;

std::unique_ptr<Configuration> Configuration::from_text(const std::string& json,
                                                        const std::string& name,
                                                        const std::vector<std::string>& settings) {
  Json given = parse(json, name);
  for (const auto& setting : settings) lay_over(given, setting);
  return std::make_unique<Configuration>(given, name);
}

std::unique_ptr<Configuration> Configuration::from_file(const std::string& file,
                                                        const std::vector<std::string>& settings) {
  std::ifstream stream(file);
  if (!stream)
    throw ConfigError(fmt::format("{}: cannot be read (no such file, or no permission)", file));
  std::stringstream text;
  text << stream.rdbuf();
  return from_text(text.str(), file, settings);
}

ConfigReader Configuration::root() { return ConfigReader(this, {}); }

void Configuration::refuse_unknown_keys() const {
  std::vector<std::string> path;
  collect_unread(*given_, *resolved_, path, name_);
}

void Configuration::refuse_unknown_keys(const std::vector<std::string>& settings) const {
  std::vector<std::string> path;
  collect_unread(*from_text("{}", "--set", settings)->given_, *resolved_, path, "--set");
}

std::string Configuration::given() const { return given_->dump(2) + "\n"; }

std::string Configuration::resolved() const { return resolved_->dump(2) + "\n"; }

std::vector<std::string> differing_keys(const std::string& a, const std::string& b) {
  std::set<std::string> keys;
  collect_differences(parse(a, "the stored configuration"), parse(b, "the configuration"), "",
                      keys);
  return {keys.begin(), keys.end()};
}

std::string ConfigReader::path_to(std::string_view key) const { return joined(path_, key); }

const Json* ConfigReader::find(std::string_view key) const {
  const Json* at = owner_->given_.get();
  auto enter = [&](std::string_view name) {
    const auto found = at->find(std::string(name));
    at = found == at->end() ? nullptr : &*found;
  };
  for (const auto& part : path_) {
    enter(part);
    if (at == nullptr) return nullptr;
  }
  enter(key);
  return at;
}

void ConfigReader::remember(std::string_view key, Json value) const {
  Json* at = owner_->resolved_.get();
  for (const auto& part : path_) at = &(*at)[part];
  (*at)[std::string(key)] = std::move(value);
}

void ConfigReader::fail(std::string_view key, std::string_view problem) const {
  throw ConfigError(fmt::format("{}: {} {}", owner_->name_, path_to(key), problem));
}

template <class T>
T ConfigReader::read(std::string_view key, const std::optional<T>& fallback, const char* type,
                     bool (*fits)(const Json&)) const {
  const Json* value = find(key);
  if (value == nullptr) {
    if (!fallback) fail(key, fmt::format("is missing (a run needs it) give {}", type));
    remember(key, *fallback);
    return *fallback;
  }
  if (!fits(*value)) fail(key, fmt::format("is {} (must be {})", value->dump(), type));
  T result = value->get<T>();
  remember(key, result);
  return result;
}

bool ConfigReader::has(std::string_view key) const { return find(key) != nullptr; }

bool ConfigReader::flag(std::string_view key, std::optional<bool> fallback) const {
  return read(key, fallback, "true or false", is_flag);
}

int64_t ConfigReader::integer(std::string_view key, std::optional<int64_t> fallback, int64_t least,
                              int64_t most) const {
  const int64_t value = read(key, fallback, "a whole number", is_integer);
  if (value < least) fail(key, fmt::format("is {} (must be at least {})", value, least));
  if (value > most) fail(key, fmt::format("is {} (must be at most {})", value, most));
  return value;
}

double ConfigReader::number(std::string_view key, std::optional<double> fallback, double least,
                            double most) const {
  const double value = read(key, fallback, "a number", is_number);
  if (!(value >= least)) fail(key, fmt::format("is {} (must be at least {})", value, least));
  if (!(value <= most)) fail(key, fmt::format("is {} (must be at most {})", value, most));
  return value;
}

std::string ConfigReader::text(std::string_view key, std::optional<std::string> fallback) const {
  return read(key, fallback, "a text", is_text);
}

std::string ConfigReader::choice(std::string_view key, std::optional<std::string> fallback,
                                 const std::vector<std::string>& allowed) const {
  const std::string value = text(key, fallback);
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    fail(key, fmt::format("is '{}'{}", value, did_you_mean(value, allowed)));
  }
  return value;
}

std::vector<int64_t> ConfigReader::integers(std::string_view key,
                                            std::optional<std::vector<int64_t>> fallback,
                                            int64_t least) const {
  auto values = read(key, fallback, "a list of whole numbers", is_list<is_integer>);
  for (int64_t value : values) {
    if (value < least) fail(key, fmt::format("holds {} (must be at least {})", value, least));
  }
  return values;
}

std::vector<double> ConfigReader::numbers(std::string_view key,
                                          std::optional<std::vector<double>> fallback) const {
  return read(key, fallback, "a list of numbers", is_list<is_number>);
}

std::vector<std::string> ConfigReader::texts(
    std::string_view key, std::optional<std::vector<std::string>> fallback) const {
  return read(key, fallback, "a list of texts", is_list<is_text>);
}

std::vector<std::string> ConfigReader::choices(std::string_view key,
                                               std::optional<std::vector<std::string>> fallback,
                                               const std::vector<std::string>& allowed) const {
  auto values = texts(key, std::move(fallback));
  if (values.empty())
    fail(key, fmt::format("is an empty list (there are {})", fmt::join(allowed, ", ")));
  for (const std::string& value : values) {
    if (std::find(allowed.begin(), allowed.end(), value) == allowed.end())
      fail(key, fmt::format("holds '{}'{}", value, did_you_mean(value, allowed)));
  }
  return values;
}

std::vector<std::string> ConfigReader::text_or_texts(std::string_view key) const {
  const Json* value = find(key);
  if (value != nullptr && value->is_array()) {
    auto list = texts(key, std::nullopt);
    if (list.empty()) fail(key, "is an empty list (a run needs one) name a file");
    return list;
  }
  return {text(key, std::nullopt)};
}

ConfigReader ConfigReader::section(std::string_view key) const {
  const Json* value = find(key);
  if (value != nullptr && !value->is_object())
    fail(key, fmt::format("is {} (must be a section {{...}})", value->dump()));
  auto path = path_;
  path.emplace_back(key);
  ConfigReader reader(owner_, path);
  Json* at = owner_->resolved_.get();
  for (const auto& part : path) at = &(*at)[part];
  if (at->is_null()) *at = Json::object();
  return reader;
}

std::vector<std::string> ConfigReader::keys() const {
  const Json* at = owner_->given_.get();
  for (const auto& part : path_) {
    const auto found = at->find(part);
    if (found == at->end()) return {};
    at = &*found;
  }
  std::vector<std::string> names;
  for (const auto& item : at->items()) names.push_back(item.key());
  return names;
}

}  // namespace ornstein
