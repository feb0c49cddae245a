#include <gtest/gtest.h>

#include "framework/base/errors.h"
#include "framework/config/config_reader.h"
#include "framework/config/factory.h"
#include "framework/config/json_line.h"

namespace ornstein {
namespace {

std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

bool says(const std::string& message, const std::string& part) {
  return message.find(part) != std::string::npos;
}

TEST(Configuration, ResolvesToACompleteOneThatReadsTheSame) {
  const auto first = Configuration::from_text(R"({"training": {"steps": 5}})", "c.json");
  const ConfigReader training = first->root().section("training");
  EXPECT_EQ(training.integer("steps", 100), 5);
  EXPECT_EQ(training.number("learning_rate", 1e-3), 1e-3);
  first->root().section("output").flag("quiet", true);
  const auto second = Configuration::from_text(first->resolved(), "again");
  EXPECT_EQ(second->root().section("training").number("learning_rate", 5), 1e-3);
  EXPECT_TRUE(second->root().section("output").flag("quiet", std::nullopt));
  second->root().section("training").integer("steps", 0);
  EXPECT_EQ(second->resolved(), first->resolved());
}

TEST(Configuration, NamesAnUnknownKeyAndTheOneMeant) {
  const auto configuration = Configuration::from_text(R"({"training": {"stesp": 5}})", "c.json");
  configuration->root().section("training").integer("steps", 100);
  const std::string message = message_of([&] { configuration->refuse_unknown_keys(); });
  EXPECT_TRUE(says(message, "c.json")) << message;
  EXPECT_TRUE(says(message, "training.stesp")) << message;
  EXPECT_TRUE(says(message, "did you mean 'steps'")) << message;
}

TEST(Configuration, NamesAnUnknownSection) {
  const auto configuration = Configuration::from_text(R"({"trianing": {}})", "c.json");
  configuration->root().section("training");
  EXPECT_TRUE(
      says(message_of([&] { configuration->refuse_unknown_keys(); }), "did you mean 'training'"));
}

TEST(Configuration, SettingsLieOverTheFile) {
  const auto configuration = Configuration::from_text(
      R"({"a": {"b": 1}})", "c.json", {"a.b=2", "a.list=[1, 2]", "a.text=hello", "n.m=true"});
  const ConfigReader a = configuration->root().section("a");
  EXPECT_EQ(a.integer("b", 0), 2);
  EXPECT_EQ(a.integers("list", std::nullopt), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(a.text("text", ""), "hello");
  EXPECT_TRUE(configuration->root().section("n").flag("m", false));
}

TEST(Configuration, RefusesSettingsThatNameNothing) {
  for (const char* setting : {"a", "=3", "a..b=3", "a.b.c=3"}) {
    EXPECT_TRUE(
        says(message_of([&] { Configuration::from_text(R"({"a": {"b": 1}})", "c", {setting}); }),
             "--set"))
        << setting;
  }
}

TEST(ConfigReader, NamesPathAndValueOfAMistypedKey) {
  const auto configuration = Configuration::from_text(
      R"({"s": {"whole": 1.5, "text": 3, "flag": 1, "list": [1, "a"], "low": -1, "choice": "eulr"}})",
      "c.json");
  const ConfigReader s = configuration->root().section("s");
  EXPECT_TRUE(
      says(message_of([&] { s.integer("whole", 0); }), "s.whole is 1.5 (must be a whole number)"));
  EXPECT_TRUE(says(message_of([&] { s.text("text", ""); }), "s.text is 3"));
  EXPECT_TRUE(says(message_of([&] { s.flag("flag", true); }), "s.flag is 1"));
  EXPECT_TRUE(says(message_of([&] { s.integers("list", std::nullopt); }), "s.list"));
  EXPECT_TRUE(says(message_of([&] { s.integer("low", 0, 0); }), "must be at least 0"));
  EXPECT_TRUE(says(message_of([&] {
                     s.choice("choice", "heun", {"heun", "euler"});
                   }),
                   "did you mean 'euler'"));
  EXPECT_TRUE(says(message_of([&] { s.integer("absent", std::nullopt); }), "s.absent is missing"));
  EXPECT_TRUE(says(message_of([&] { configuration->root().section("s").section("text"); }),
                   "must be a section"));
}

TEST(ConfigReader, TakesWholeNumbersWrittenAsFractions) {
  const auto configuration = Configuration::from_text(R"({"steps": 1e3})", "c.json");
  EXPECT_EQ(configuration->root().integer("steps", 0), 1000);
}

TEST(Configuration, RefusesWhatIsNoJsonObject) {
  for (const char* text : {"[1]", "{", "{\"a\": 1,}", ""}) {
    EXPECT_TRUE(says(message_of([&] { Configuration::from_text(text, "c.json"); }), "c.json: "))
        << text;
  }
  EXPECT_TRUE(
      says(message_of([] { Configuration::from_file("/nowhere/c.json", {}); }), "/nowhere/c.json"));
}

TEST(DifferingKeys, NamesEveryPathThatChangedCameOrWent) {
  EXPECT_EQ(differing_keys(R"({"a": {"b": 1, "c": 2}, "d": [1]})",
                           R"({"a": {"b": 1, "c": 3}, "d": [2], "e": 0})"),
            (std::vector<std::string>{"a.c", "d", "e"}));
  EXPECT_TRUE(differing_keys(R"({"a": 1})", R"({"a": 1.0})").empty());
}

TEST(Factory, NamesWhatExists) {
  Factory<int, int> factory("number");
  factory.add("one", "the first", "", [](int x) { return x + 1; });
  factory.add("two", "the second", "", [](int x) { return x + 2; });
  EXPECT_EQ(factory.make("two", 40), 42);
  const std::string message = message_of([&] { factory.make("tow", 0); });
  EXPECT_TRUE(says(message, "no number is called 'tow' (known: one, two) did you mean 'two'?"))
      << message;
}

TEST(JsonLine, EscapesTextAndWritesNoNumberForNaN) {
  const std::string line = JsonLine()
                               .add("step", int64_t{3})
                               .add("a \"b\"", "x\ny")
                               .add("nan", std::nan(""))
                               .add("in", JsonLine())
                               .text();
  EXPECT_EQ(line, R"({"step": 3, "a \"b\"": "x\ny", "nan": null, "in": {}})");
  EXPECT_EQ(integer_in_json(line, "step"), 3);
  EXPECT_FALSE(integer_in_json(line.substr(0, line.size() - 1), "step"));
}

}  // namespace
}  // namespace ornstein
