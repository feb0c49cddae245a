#include "framework/comm/verdict.h"

#include <gtest/gtest.h>

namespace ornstein {
namespace {

using Board = std::vector<Sighting>;

// Three collectives a step: two buckets of gradients and the totals.
Operation operation(int64_t step, int64_t place) {
  const int64_t bytes[] = {4096, 2048, 48};
  Operation it;
  it.name = "all-reduce";
  it.bytes = bytes[place];
  it.step = step;
  it.begun = 1000 + static_cast<double>(3 * step + place);
  it.ended = it.begun + 0.5;
  return it;
}

// Operations in the order given, numbered from 1; the last one under way.
Sighting seen(int rank, const std::vector<Operation>& operations, int64_t beat = 7) {
  Sighting it{beat, rank < 2 ? "node0" : "node1", "training", operations.back().step, operations};
  for (size_t i = 0; i < operations.size(); ++i)
    it.recent[i].sequence = static_cast<int64_t>(i) + 1;
  it.recent.back().ended = 0;
  return it;
}

std::vector<Operation> steps(int64_t count, int64_t places_of_the_last) {
  std::vector<Operation> all;
  for (int64_t step = 0; step < count; ++step) {
    for (int64_t place = 0; place < (step + 1 == count ? places_of_the_last : 3); ++place)
      all.push_back(operation(step, place));
  }
  return all;
}

Board later(Board board, const std::vector<int>& still = {}) {
  for (size_t r = 0; r < board.size(); ++r) {
    if (std::find(still.begin(), still.end(), static_cast<int>(r)) == still.end()) ++board[r].beat;
  }
  return board;
}

using Ranks = std::vector<int>;

TEST(Sighting, SurvivesTheBoard) {
  const Sighting sent = seen(2, steps(3, 2));
  const Sighting read = sighting_from_text(to_text(sent));
  EXPECT_EQ(read.beat, sent.beat);
  EXPECT_EQ(read.host, sent.host);
  EXPECT_EQ(read.phase, sent.phase);
  ASSERT_EQ(read.recent.size(), sent.recent.size());
  for (size_t i = 0; i < sent.recent.size(); ++i) {
    EXPECT_TRUE(read.recent[i].like(sent.recent[i]));
    EXPECT_EQ(read.recent[i].sequence, sent.recent[i].sequence);
    EXPECT_EQ(read.recent[i].under_way(), sent.recent[i].under_way());
  }
  EXPECT_EQ(sighting_from_text(to_text({1, "node0", "taking a break", 4, {}})).phase,
            "taking a break");
}

TEST(Verdict, NamesRankZeroWhenItsBoardIsSilent) {
  EXPECT_EQ(judge(std::nullopt, std::nullopt).ranks, Ranks{0});
  const Board board = {seen(0, steps(3, 1)), seen(1, steps(3, 1))};
  EXPECT_EQ(judge(board, std::nullopt).ranks, Ranks{0});
}

TEST(Verdict, NamesTheRankWhoseBeatStoodStill) {
  const Board board = {seen(0, steps(3, 1)), seen(1, steps(3, 1)), seen(2, steps(2, 3))};
  const Verdict verdict = judge(board, later(board, {2}));
  EXPECT_EQ(verdict.ranks, Ranks{2});
  EXPECT_NE(verdict.why.find("rank 2 on node1"), std::string::npos) << verdict.why;
}

TEST(Verdict, NamesTheRankThatDoesNotCome) {
  const Board board = {seen(0, steps(3, 1)), seen(1, steps(2, 3)), seen(2, steps(3, 1))};
  const Verdict verdict = judge(board, later(board));
  EXPECT_EQ(verdict.ranks, Ranks{1});
  EXPECT_NE(verdict.why.find("collective 7, all-reduce of 4096 bytes in step 3"), std::string::npos)
      << verdict.why;
}

TEST(Verdict, NamesTheSmallerPartyThatLeftOneOut) {
  for (const int guilty : {0, 1, 2}) {
    for (const size_t left_out : {3, 4, 5}) {
      Board board;
      for (int r = 0; r < 3; ++r) {
        auto operations = steps(3, 2);
        if (r == guilty) operations.erase(operations.begin() + left_out);
        board.push_back(seen(r, operations));
      }
      EXPECT_EQ(judge(board, later(board)).ranks, Ranks{guilty}) << left_out;
    }
  }
}

TEST(Verdict, OfTwoNamesTheOneThatLeftOneOut) {
  for (const int guilty : {0, 1}) {
    for (const size_t left_out : {6, 7, 8}) {
      auto whole = steps(4, 2), short_by_one = steps(4, 2);
      short_by_one.erase(short_by_one.begin() + left_out);
      short_by_one.resize(left_out + 1);  // both wait in the first that differs
      whole.resize(left_out + 1);
      const Board board = {seen(0, guilty == 0 ? short_by_one : whole),
                           seen(1, guilty == 1 ? short_by_one : whole)};
      EXPECT_EQ(judge(board, later(board)).ranks, Ranks{guilty}) << left_out;
    }
  }
}

// Comparing hashes at a checkpoint: length, text and answer of each of some tensors, in one step.
TEST(Verdict, KnowsWhatUsuallyFollows) {
  std::vector<Operation> whole;
  for (int tensor = 0; tensor < 5; ++tensor) {
    for (const auto& [name, bytes] :
         {std::pair{"broadcast", 8}, std::pair{"broadcast", 16}, std::pair{"all-reduce", 2}}) {
      Operation it = operation(4, 0);
      it.name = name;
      it.bytes = bytes;
      whole.push_back(it);
    }
  }
  for (size_t left_out = 6; left_out < 14; ++left_out) {
    auto guilty = whole;
    guilty.erase(guilty.begin() + left_out);
    guilty.resize(left_out + 1);
    auto innocent = whole;
    innocent.resize(left_out + 1);
    const Board board = {seen(0, innocent), seen(1, guilty)};
    EXPECT_EQ(judge(board, later(board)).ranks, Ranks{1}) << left_out;
  }
}

TEST(Verdict, NamesNobodyWhenAllWaitInTheSamePlace) {
  const Board board = {seen(0, steps(3, 1)), seen(1, steps(3, 1))};
  const Verdict verdict = judge(board, later(board));
  EXPECT_TRUE(verdict.ranks.empty());
  EXPECT_NE(verdict.why.find("network"), std::string::npos);
}

}  // namespace
}  // namespace ornstein
