#include "framework/base/fault_point.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>

#include "framework/base/errors.h"
#include "framework/base/log.h"

namespace ornstein {
namespace {

class FaultPoint : public testing::Test {
 protected:
  ~FaultPoint() override {
    ::unsetenv("ORNSTEIN_FAULT");
    read_faults();
    set_log_rank(0);
  }

  static void ask(const char* faults) {
    ::setenv("ORNSTEIN_FAULT", faults, 1);
    read_faults();
  }

  static std::string refusal_of(const char* faults) {
    try {
      ask(faults);
    } catch (const ConfigError& error) {
      return error.what();
    }
    ADD_FAILURE() << faults << " was taken";
    return "";
  }
};

TEST_F(FaultPoint, IsSilentUnlessAsked) {
  read_faults();
  EXPECT_EQ(fault_point("checkpoint.sync"), 0);
  ask("");
  EXPECT_EQ(fault_point("checkpoint.sync"), 0);
}

TEST_F(FaultPoint, FiresOnceAtItsPassage) {
  ask("ENOSPC@checkpoint.tensor:3,EIO@checkpoint.tensor:4,on@training.loss");
  EXPECT_EQ(fault_point("checkpoint.tensor"), 0);
  EXPECT_EQ(fault_point("checkpoint.tensor"), 0);
  EXPECT_EQ(fault_point("checkpoint.sync"), 0);
  EXPECT_EQ(fault_point("checkpoint.tensor"), ENOSPC);
  EXPECT_EQ(fault_point("checkpoint.tensor"), EIO);
  EXPECT_EQ(fault_point("checkpoint.tensor"), 0);
  EXPECT_EQ(fault_point("training.loss"), kFaultOn);
  EXPECT_EQ(fault_point("training.loss"), 0);
}

TEST_F(FaultPoint, FiresOnItsRankAlone) {
  ask("EIO@checkpoint.sync/1");
  EXPECT_EQ(fault_point("checkpoint.sync"), 0);
  set_log_rank(1);
  EXPECT_EQ(fault_point("checkpoint.sync"), EIO);
}

TEST_F(FaultPoint, ThrowsAndKillsInside) {
  ask("throw@loading");
  EXPECT_THROW(fault_point("loading"), Error);
  ask("kill@loading");
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(fault_point("loading"), testing::KilledBySignal(SIGKILL), "");
}

TEST_F(FaultPoint, RefusesWhatItDoesNotKnowInOneLine) {
  for (const auto& [faults, why] : {std::pair{"kill", "no '@'"},
                                    {"die@loading", "actions: kill, stop"},
                                    {"kill@checkpoint.renam", "checkpoint.rename"},
                                    {"kill@loading:0", "at least 1"},
                                    {"kill@loading:x", "at least 1"},
                                    {"kill@loading:1x", "at least 1"},
                                    {"kill@loading/-1", "at least 0"},
                                    {"kill@loading/", "at least 0"},
                                    {"kill@loading,,kill@loading", "no '@'"}}) {
    const std::string line = refusal_of(faults);
    EXPECT_NE(line.find("ORNSTEIN_FAULT"), std::string::npos) << line;
    EXPECT_NE(line.find(why), std::string::npos) << line;
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace ornstein
