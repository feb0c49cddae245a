#include "launch/device_choice.h"

#include <gtest/gtest.h>

#include "framework/base/errors.h"

namespace ornstein {
namespace {

std::string refusal(const std::string& wanted, bool built, int visible) {
  try {
    choose_device(wanted, built, visible, 0);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(DeviceChoice, TakesTheProcessorWhereItIsWantedOrNothingElseIsThere) {
  EXPECT_EQ(choose_device("cpu", true, 4, 1), std::nullopt);
  EXPECT_EQ(choose_device("auto", true, 0, 1), std::nullopt);
  EXPECT_EQ(choose_device("auto", false, 0, 0), std::nullopt);
}

TEST(DeviceChoice, TakesTheRanksShareOfWhatItSees) {
  for (const char* wanted : {"auto", "cuda"}) {
    EXPECT_EQ(choose_device(wanted, true, 4, 2), 2);
    EXPECT_EQ(choose_device(wanted, true, 1, 2), 0) << "the launcher shows each rank its own";
  }
}

TEST(DeviceChoice, SaysWhyThereIsNone) {
  EXPECT_NE(refusal("cuda", false, 0).find("no CUDA support"), std::string::npos);
  EXPECT_NE(refusal("cuda", true, 0).find("no GPU is there"), std::string::npos);
}

TEST(DeviceChoice, NamesTheRanksThatShareADevice) {
  EXPECT_TRUE(device_conflicts({{"a", "1"}, {"a", "2"}, {"b", "1"}}).empty());
  EXPECT_TRUE(device_conflicts({{"a", ""}, {"b", ""}}).empty());
  const auto lines = device_conflicts({{"a", "1"}, {"b", "7"}, {"a", "1"}, {"b", "7"}});
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[0].find("ranks 0,2 on a share device 1"), std::string::npos) << lines[0];
  EXPECT_NE(lines[1].find("on b share device 7"), std::string::npos) << lines[1];
}

TEST(DeviceChoice, NamesTheRanksThatHaveNoneWhereOthersHave) {
  const auto lines = device_conflicts({{"a", "1"}, {"a", "2"}, {"b", ""}, {"b", ""}});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("ranks 2-3 have no device"), std::string::npos) << lines[0];
}

}  // namespace
}  // namespace ornstein
